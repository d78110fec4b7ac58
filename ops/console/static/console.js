// Beside every command a button that copies it, and a word where a page that lives does not any more. Everything else
// works without a script.
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
  // A page that lives says when it does not: a moment is forgiven, in which a browser connects again.
  let silent = 0;
  document.addEventListener("htmx:sseError", function () {
    if (!silent) silent = setTimeout(function () {
      const gone = document.getElementById("gone");
      gone.setAttribute("role", "alert");
      gone.hidden = false;
    }, 1500);
  });
  document.addEventListener("htmx:sseOpen", function () {
    clearTimeout(silent);
    silent = 0;
    document.getElementById("gone").hidden = true;
  });
  // A browser has six connections to one server, and a page that lives keeps one: a tab that nobody looks at gives its
  // own back, or the seventh tab would wait for ever. It lives again when somebody looks.
  const rest = 3000;
  const connect = htmx.createEventSource;
  let source = null;
  let resting = 0;
  function look() {
    clearTimeout(resting);
    if (!source) return;
    if (document.hidden) resting = setTimeout(function () { if (source) source.close(); }, rest);
    else if (source.readyState === EventSource.CLOSED) source.onerror();  // which connects anew
  }
  let again = false;
  htmx.createEventSource = function (url) {
    source = connect(again ? url + (url.includes("?") ? "&" : "?") + "soon=yes" : url);
    again = true;
    look();
    return source;
  };
  document.addEventListener("htmx:sseClose", function () { source = null; });
  document.addEventListener("visibilitychange", look);
  document.addEventListener("DOMContentLoaded", function () { dress(document); });
  document.addEventListener("htmx:afterSettle", function (event) { dress(event.target); });
})();
