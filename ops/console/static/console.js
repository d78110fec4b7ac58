// Beside every command a button that copies it. Everything else works without a script.
"use strict";
(function () {
  function dress(root) {
    root.querySelectorAll(".shell").forEach(function (shell) {
      if (shell.querySelector("button")) return;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "copy";
      button.textContent = "Copy";
      button.setAttribute("aria-label", "Copy the command");
      button.addEventListener("click", function () {
        navigator.clipboard.writeText(shell.querySelector("code").textContent).then(function () {
          button.textContent = "Copied";
          setTimeout(function () { button.textContent = "Copy"; }, 1500);
        });
      });
      shell.append(button);
    });
  }
  document.addEventListener("DOMContentLoaded", function () { dress(document); });
  document.addEventListener("htmx:afterSettle", function (event) { dress(event.target); });
})();
