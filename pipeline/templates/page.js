"use strict";
(function () {
  var root = document.documentElement;
  var button = document.getElementById("theme");

  function dark() {
    if (root.dataset.theme) return root.dataset.theme === "dark";
    return window.matchMedia("(prefers-color-scheme: dark)").matches;
  }
  function name() {
    button.textContent = dark() ? "Light page" : "Dark page";
  }
  try {
    var kept = localStorage.getItem("theme");
    if (kept === "dark" || kept === "light") root.dataset.theme = kept;
  } catch (error) { /* a file opened from disk may have no storage */ }
  button.hidden = false;
  name();
  button.addEventListener("click", function () {
    root.dataset.theme = dark() ? "light" : "dark";
    name();
    try { localStorage.setItem("theme", root.dataset.theme); } catch (error) { /* as above */ }
  });

  function key(row, column) {
    var cell = row.cells[column];
    var value = cell.dataset.value;
    if (value === undefined || value === "") return null;
    return cell.classList.contains("num") ? Number(value) : value;
  }
  function compare(one, other) {
    if (typeof one === "number" && typeof other === "number") return one - other;
    return String(one).localeCompare(String(other), undefined, { numeric: true });
  }
  // cells without a value stay at the end, whichever way the table is sorted
  function sort(table, column, sign) {
    var body = table.tBodies[0];
    var rows = Array.prototype.slice.call(body.rows);
    rows.sort(function (a, b) {
      var one = key(a, column), other = key(b, column);
      if (one === null || other === null) return (one === null) - (other === null);
      return sign * compare(one, other);
    });
    rows.forEach(function (row) { body.appendChild(row); });
  }
  document.querySelectorAll("table.sortable").forEach(function (table) {
    var heads = table.tHead.rows[0].cells;
    Array.prototype.forEach.call(heads, function (head, column) {
      var control = document.createElement("button");
      control.type = "button";
      control.textContent = head.textContent;
      control.title = "Sort by this column";
      head.textContent = "";
      head.appendChild(control);
      control.addEventListener("click", function () {
        var up = head.getAttribute("aria-sort") === "descending";
        Array.prototype.forEach.call(heads, function (other) {
          other.removeAttribute("aria-sort");
        });
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        sort(table, column, up ? 1 : -1);
      });
    });
  });
})();
