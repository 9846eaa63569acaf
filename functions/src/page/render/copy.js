document.addEventListener("click", function (event) {
  var target = event.target;
  var button = target && target.closest ? target.closest("button[data-copy]") : null;
  if (!button || button.dataset.state) return;
  var text = button.getAttribute("data-copy") || button.textContent;
  function show(copied) {
    button.dataset.state = copied ? "copied" : "failed";
    setTimeout(function () { delete button.dataset.state; }, 1600);
  }
  function copyThroughField() {
    var field = document.createElement("textarea");
    field.value = text;
    field.className = "copy-field";
    field.readOnly = true;
    document.body.appendChild(field);
    field.select();
    field.setSelectionRange(0, text.length);
    var copied = false;
    try { copied = document.execCommand("copy"); } catch (ignored) { copied = false; }
    document.body.removeChild(field);
    show(copied);
  }
  if (navigator.clipboard && navigator.clipboard.writeText) {
    navigator.clipboard.writeText(text).then(function () { show(true); }, copyThroughField);
  } else {
    copyThroughField();
  }
});
