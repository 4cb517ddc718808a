// The SHA-256 of a document that is evidence: it is computed here, and the document
// itself is sent nowhere. Without a script its hash is typed.

/** The largest document that is read into memory, in bytes. */
const largest = 100 * 1000 * 1000;

/** hash puts a choice of a file before the field of its hash, and fills the field. */
export function hash(place: HTMLElement): void {
  const field = place.querySelector<HTMLInputElement>("input");
  if (!field || !globalThis.crypto?.subtle) return; // not on a page without encryption
  const file = document.createElement("input");
  file.type = "file"; // without a name: it is never sent
  const label = document.createElement("label");
  label.append(`${place.dataset["label"] ?? ""} `, file);
  const lead = document.createElement("span");
  lead.className = "quiet";
  lead.textContent = place.dataset["lead"] ?? "";
  const said = document.createElement("span");
  said.setAttribute("role", "status");
  file.addEventListener("change", async () => {
    const chosen = file.files?.[0];
    field.value = "";
    said.textContent = "";
    if (!chosen) return;
    if (chosen.size > largest) {
      said.textContent = place.dataset["tooLarge"] ?? "";
      return;
    }
    said.textContent = place.dataset["wait"] ?? "";
    const sum = await crypto.subtle.digest("SHA-256", await chosen.arrayBuffer());
    if (file.files?.[0] !== chosen) return; // another was chosen meanwhile
    field.value = [...new Uint8Array(sum)].map((b) => b.toString(16).padStart(2, "0")).join("");
    said.textContent = "";
  });
  place.prepend(label, " ", lead, " ", said, document.createElement("br"));
}
