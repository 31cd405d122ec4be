/* A file instead of a pasted text: [data-file-for] names the text area that it fills, and is hidden without this
   script.  Nothing is sent before somebody presses the button, as if it had been pasted. */
"use strict";

(() => {
  const LARGEST = 1024 * 1024;
  for (const box of document.querySelectorAll("[data-file-for]")) {
    const area = document.getElementById(box.dataset.fileFor);
    const chosen = box.querySelector("input[type=file]");
    const said = box.querySelector("[role=status]");
    chosen.addEventListener("change", async () => {
      const file = chosen.files[0];
      if (!file) return;
      const text = file.size > LARGEST ? "" : await file.text();
      if (file.size > LARGEST) {
        said.textContent = "This file is larger than 1 MiB: divide it.";
      } else if (text.includes("\uFFFD") || text.includes("\0")) {
        said.textContent = "This file is no text in UTF-8: save it as “CSV UTF-8”.";
      } else {
        area.value = text;
        said.textContent = `${file.name} is in the list now.`;
      }
    });
    box.hidden = false;
  }
})();
