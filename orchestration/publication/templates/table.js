"use strict";
// Filter, choices and sorting for every table that asks for them. The page is complete without this script.
for (const table of document.querySelectorAll("table[data-tools]")) {
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const headings = Array.from(table.tHead.rows[0].cells);
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const texts = rows.map((row) => row.textContent.toLocaleLowerCase("en"));

  const tools = document.createElement("div");
  tools.className = "tools";
  const labelled = (text, control) => {
    const label = document.createElement("label");
    label.append(text, control);
    tools.append(label);
    return control;
  };
  const search = labelled("Filter", Object.assign(document.createElement("input"), { type: "search" }));
  search.setAttribute("aria-controls", table.id);
  const choices = headings
    .filter((heading) => heading.hasAttribute("data-facet"))
    .map((heading) => {
      const index = heading.cellIndex;
      const label = (row) => row.cells[index].dataset.choice || "";
      const values = Array.from(new Set(rows.map(label))).filter(Boolean).sort(collator.compare);
      const select = document.createElement("select");
      select.append(new Option("all", ""), ...values.map((value) => new Option(value, value)));
      select.setAttribute("aria-controls", table.id);
      if (values.length > 1) labelled(heading.textContent.trim(), select);
      return { select, label };
    });
  const count = document.createElement("output");
  count.setAttribute("aria-live", "polite");
  tools.append(count);
  table.closest(".sheet").before(tools);

  const apply = () => {
    const words = search.value.toLocaleLowerCase("en").split(/\s+/).filter(Boolean);
    let seen = 0;
    rows.forEach((row, index) => {
      const fits =
        words.every((word) => texts[index].includes(word)) &&
        choices.every(({ select, label }) => !select.value || label(row) === select.value);
      row.hidden = !fits;
      seen += fits ? 1 : 0;
    });
    count.textContent = seen === rows.length ? `${rows.length} rows` : `${seen} of ${rows.length} rows`;
  };
  let waiting = 0;
  search.addEventListener("input", () => {
    if (rows.length <= 2000) return apply();
    clearTimeout(waiting); // a long table waits for a pause in typing
    waiting = setTimeout(apply, 150);
  });
  choices.forEach(({ select }) => select.addEventListener("change", apply));

  const key = (row, index) => {
    const cell = row.cells[index];
    const value = cell.dataset.sort ?? cell.textContent.trim();
    return value !== "" && Number.isFinite(Number(value)) ? Number(value) : value;
  };
  headings.forEach((heading, index) => {
    const button = Object.assign(document.createElement("button"), { type: "button" });
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const down = heading.getAttribute("aria-sort") === "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", down ? "descending" : "ascending");
      const keyed = rows.map((row, place) => ({ row, place, value: key(row, index) }));
      // Rows without a value stay last, whichever way the others go.
      keyed.sort((a, b) => {
        if (a.value === "" || b.value === "") return (a.value === "") - (b.value === "") || a.place - b.place;
        const order =
          typeof a.value === "number" && typeof b.value === "number"
            ? a.value - b.value
            : collator.compare(String(a.value), String(b.value));
        return (down ? -order : order) || a.place - b.place;
      });
      body.append(...keyed.map(({ row }) => row));
    });
  });
  // A link such as `scorecard.html#okr-scorecard=orders` comes with a filter.
  const [, id, asked] = location.hash.match(/^#([^=]+)=(.*)$/) ?? [];
  if (id === table.id) {
    search.value = decodeURIComponent(asked);
    table.closest(".sheet").scrollIntoView();
  }
  apply();
}

// Find: a field on every page leads to the page that holds the index, which answers while one types.
{
  const label = document.createElement("label");
  const field = Object.assign(document.createElement("input"), { type: "search", id: "find", placeholder: "Find" });
  field.setAttribute("aria-label", "Find a key result, KPI, person, unit or rule");
  label.append(field);
  document.querySelector("[data-finder]").append(label);
  const plain = document.querySelector("nav a[href='find.html']:not([aria-current])");
  if (plain) plain.parentElement.hidden = true; // the field does the same
  const found = document.querySelector("[data-found]");
  if (!found) {
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && field.value.trim()) location.href = `find.html#find=${encodeURIComponent(field.value)}`;
    });
  } else {
    const { lists, entries } = JSON.parse(document.getElementById("everything").textContent);
    const texts = entries.map(([, id, name]) => `${id}\n${name}`.toLocaleLowerCase("en"));
    const most = 50;
    const output = document.createElement("output");
    output.setAttribute("aria-live", "polite");
    const list = document.createElement("ul");
    found.append(output, list);
    const made = (tag, text, name) => Object.assign(document.createElement(tag), { textContent: text, className: name ?? "" });
    const answer = () => {
      const asked = field.value.trim().toLocaleLowerCase("en");
      const words = asked.split(/\s+/).filter(Boolean);
      const hits = [];
      if (words.length) {
        texts.forEach((text, index) => {
          if (!words.every((word) => text.includes(word))) return;
          const [, id, name] = entries[index];
          const exact = id.toLocaleLowerCase("en") === asked || name.toLocaleLowerCase("en") === asked;
          hits.push({ index, place: exact ? 0 : text.startsWith(asked) || text.includes(`\n${asked}`) ? 1 : 2 });
        });
        hits.sort((a, b) => a.place - b.place || a.index - b.index);
      }
      list.replaceChildren(
        ...hits.slice(0, most).map(({ index }) => {
          const [kind, id, name, note, href] = entries[index];
          const link = made("a", name);
          link.href = href || `${lists[kind]}=${encodeURIComponent(name)}`;
          const item = document.createElement("li");
          item.append(made("span", kind.replace("_", " "), "kind"), " ", link, made("span", [id, note].filter(Boolean).join(" · "), "note"));
          return item;
        }),
      );
      const more = hits.length > most ? `, the first ${most} are shown` : "";
      output.textContent = words.length ? `${hits.length} found${more}` : "Type a name or an id above.";
    };
    const [, asked] = location.hash.match(/^#find=(.*)$/) ?? [];
    if (asked) field.value = decodeURIComponent(asked);
    field.addEventListener("input", answer);
    field.addEventListener("keydown", (event) => {
      const first = list.querySelector("a");
      if (event.key === "Enter" && first) first.click();
    });
    window.addEventListener("hashchange", () => {
      const [, again] = location.hash.match(/^#find=(.*)$/) ?? [];
      if (again) (field.value = decodeURIComponent(again)), answer();
    });
    field.focus();
    answer();
  }
}
