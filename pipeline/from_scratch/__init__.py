"""Regression, networks and boosted trees in NumPy alone: to read, and to compete.

Read the files in this order, one concept a file; `README.md` says what each one holds.

    perceptron, activations, losses, gradients, descent, linear_regression, logistic_loss,
    logistic_regression, computational_graph, initialisation, layers, network, weight_decay,
    optimizers, schedules, sparsity, averaging, training, batch_normalisation, dropout, scaling,
    embedding, numerical_embeddings, columns, members, architecture, neural_network, recurrent,
    sequences, recurrent_network, binning, symmetric_trees, length_scales, gaussian_process

`estimator`, `inputs` and `scikit_learn` hold what every estimator shares: parameters, state, the
checks of what it is given, and what scikit-learn's tools look for; `products` holds matrix products
in tiles. Nothing is imported here, so that `import pipeline.from_scratch` costs nothing.
"""
