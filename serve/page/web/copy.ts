// Buttons that copy a statement or the text of a post.

export function copyButtons(): void {
  for (const source of document.querySelectorAll<HTMLElement>(".sql pre, .post blockquote")) {
    if (source.nextElementSibling?.classList.contains("copy")) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.setAttribute("aria-label", source.matches("pre") ? "Copy the statement" : "Copy the text to post");
    button.addEventListener("click", () => {
      void copy(source).then((ok) => {
        button.textContent = ok ? "Copied" : "Select and copy it yourself";
        window.setTimeout(() => (button.textContent = "Copy"), 2000);
      });
    });
    source.after(button);
  }
}

// copy copies the text of an element. Pages without a secure origin have no clipboard, so copy
// selects the text there.
async function copy(source: HTMLElement): Promise<boolean> {
  const text = [...(source.matches("pre") ? [source] : source.querySelectorAll("p"))].map((e) => e.textContent ?? "").join("\n");
  if (navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // The browser does not allow it: select the text.
    }
  }
  getSelection()?.selectAllChildren(source);
  return document.execCommand("copy");
}
