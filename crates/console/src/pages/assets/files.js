// What is chosen in a field for files stands beside its button by name, in the page's own words: a browser says it in the
// language of its menus. Without this script the browser's own field is shown.
"use strict";
(() => {
  const tell = (field) => {
    const names = field.closest(".choose")?.querySelector(".names");
    if (!names) return;
    names.textContent = [...field.files].map((file) => file.name).join("\n") || names.dataset.none;
  };
  addEventListener("change", (event) => {
    if (event.target.matches?.("[type=file]")) tell(event.target);
  });
  addEventListener("reset", (event) => {
    // The fields are empty only after it.
    setTimeout(() => event.target.querySelectorAll("[type=file]").forEach(tell));
  });
  // A browser that brings a page back may bring back what was chosen.
  addEventListener("pageshow", () => document.querySelectorAll("[type=file]").forEach(tell));
})();
