// Adds a copy button to each snippet. Without it the text can still be selected.
(function () {
  "use strict";
  var box = document.getElementById("snippets");
  var said = document.getElementById("copied");
  if (!box || !said || !navigator.clipboard) return;
  box.querySelectorAll("pre.snippet").forEach(function (pre) {
    var button = document.createElement("button");
    var heading = document.getElementById(pre.getAttribute("aria-labelledby"));
    button.type = "button";
    button.className = "copy";
    button.textContent = box.dataset.copy;
    button.setAttribute("aria-describedby", heading.id);
    button.addEventListener("click", function () {
      navigator.clipboard.writeText(pre.textContent).then(function () {
        said.textContent = box.dataset.copied;
        button.textContent = box.dataset.copied;
        setTimeout(function () { button.textContent = box.dataset.copy; said.textContent = ""; }, 4000);
      }, function () {
        said.textContent = box.dataset.failed;
      });
    });
    pre.after(button);
  });
})();
