"""Regression, neural networks and boosted trees in NumPy alone, written to be read and to compete.

Read the files in this order, one concept per file; `README.md` describes each of them.

    perceptron, activations, losses, gradients, descent, linear_regression, logistic_loss,
    logistic_regression, row_space, computational_graph, initialisation, layers, network,
    weight_decay, optimizers, schedules, sparsity, averaging, training, batch_normalisation,
    dropout, learned_scaling, embedding, numerical_embeddings, branches, batch_ensemble,
    architecture, neural_network, recurrent, sequences, recurrent_network, binning,
    gradient_boosting, length_scales, gaussian_process

`estimator`, `inputs` and `scikit_learn` hold what all estimators share: parameters, fitted state,
input validation and scikit-learn's interface; `matrix_products` holds blocked matrix products.
Nothing is imported here, so that `import pipeline.from_scratch` costs nothing.
"""
