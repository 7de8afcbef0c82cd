// What the pages do in a browser: stay live, count time, draw, copy, and listen to keys.
"use strict";
(() => {
  const $ = (query, from = document) => from.querySelector(query);
  const $$ = (query, from = document) => [...from.querySelectorAll(query)];

  // Time. The text of a <time> is how long ago it was; its title stays absolute.
  const UNITS = [[86400, "d"], [3600, "h"], [60, "min"]];
  function span(seconds) {
    if (seconds < 60) return `${Math.floor(seconds)} s`;
    for (const [length, unit] of UNITS) {
      if (seconds >= length) {
        const value = seconds / length;
        return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${unit}`;
      }
    }
  }
  function tick() {
    const now = Date.now() - skew;
    for (const each of $$("time[datetime]")) {
      const seconds = (now - Date.parse(each.dateTime)) / 1000;
      const text = each.dataset.as === "age" ? span(Math.max(0, seconds))
        : Math.abs(seconds) < 1 ? "now"
        : seconds < 0 ? `in ${span(-seconds)}` : `${span(seconds)} ago`;
      if (each.textContent !== text) each.textContent = text;
    }
  }
  let skew = 0;  // The browser's clock minus the database's.
  function readClock() {
    const clock = $("[data-now]");
    if (clock) skew = Date.now() - Date.parse(clock.dataset.now);
  }

  // Charts: a .chart carries its numbers; uPlot draws them.
  const charts = new Map();
  const COLOURS = { next: "--runs", done: "--good", retry: "--waits", stop: "--bad", await: "--parked", schedule_children: "--soft" };
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const clock = (at) => new Date(at * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  function draw() {
    for (const [element, chart] of charts) {
      if (!element.isConnected) { chart.plot?.destroy(); charts.delete(element); }
    }
    for (const element of $$(".chart[data-chart]")) {
      const given = element.dataset.chart;
      const width = element.clientWidth;
      const known = charts.get(element);
      const dark = matchMedia("(prefers-color-scheme: dark)").matches;
      if (known && known.given === given && known.width === width && known.dark === dark) continue;
      const { minutes, series } = JSON.parse(given);
      const data = [minutes, ...series.map((each) => each.values)];
      const names = series.map((each) => each.name).join();
      if (known && known.names === names && known.width === width && known.dark === dark) {
        known.plot.setData(data);
        known.given = given;
        continue;
      }
      known?.plot.destroy();
      const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
      const plot = new uPlot({
        width, height: 190, padding: [8, 24, 0, 0], cursor: { y: false },
        scales: { y: { range: (_, __, most) => [0, Math.max(1, most * 1.1)] } },
        axes: [{ ...axis, size: 28, space: 70, values: (_, ticks) => ticks.map(clock) }, { ...axis, size: 55, values: (_, ticks) => ticks.map((value) => value.toLocaleString("en")) }],
        series: [
          { label: " ", value: (_, at) => at == null ? "" : clock(at) },
          ...series.map((each) => ({
            label: each.name.replaceAll("_", " "), value: (_, count) => count == null ? "" : count.toLocaleString("en"), width: 1.75, points: { show: false },
            stroke: colour(COLOURS[each.name] ?? "--soft"),
            dash: each.name === "stop" ? [2, 2] : each.name === "retry" ? [6, 3] : undefined,
          })),
        ],
      }, data, element);
      charts.set(element, { plot, given, width, names, dark });
    }
  }

  // Live: the server sends the content again when it has changed.
  const live = $("#live");
  const state = $("#live-state");
  const trouble = $("#trouble");
  let source = null;
  let again = null;
  function say(kind, text) {
    state.className = `live ${kind}`;
    $(".mark", state).textContent = kind === "on" ? "●" : "○";
    const said = $(".say", state);
    if (said.textContent !== text) said.textContent = text;
  }
  function alarm(text) {
    trouble.hidden = !text;
    if (trouble.textContent !== text) trouble.textContent = text;
  }
  // What the viewer has chosen, opened or drawn is the viewer's.
  const KEPT = new Set(["checked", "open", "value", "selected"]);
  const callbacks = {
    beforeAttributeUpdated: (name) => !KEPT.has(name),
    beforeNodeMorphed: (old, fresh) => {
      if (old.nodeType !== 1) return true;
      if (old === document.activeElement && /^(INPUT|TEXTAREA|SELECT)$/.test(old.tagName)) return false;
      return !("keep" in old.dataset && old.dataset.keep === fresh.dataset?.keep);
    },
    beforeNodeRemoved: (node) => !node.parentElement?.closest(".chart"),
  };
  function show(html) {
    Idiomorph.morph(live, html, { morphStyle: "innerHTML", ignoreActiveValue: true, callbacks });
    htmx.process(live);
    refresh();
  }
  function refresh() {
    readClock();
    tick();
    draw();
    count();
  }
  function connect() {
    clearTimeout(again);
    source?.close();
    source = new EventSource(live.dataset.live);
    source.addEventListener("page", (event) => {
      say("on", "live");
      alarm("");
      show(event.data);
    });
    source.addEventListener("trouble", (event) => {
      say("off", "not live");
      alarm(`${event.data}\nWhat is shown is from before; it goes on by itself.`);
    });
    source.addEventListener("error", () => {
      say("off", "not live");
      alarm("The dashboard cannot be reached. What is shown is from before; it goes on by itself.");
      if (source.readyState === EventSource.CLOSED) again = setTimeout(connect, 3000);
    });
  }
  function leave() {
    clearTimeout(again);
    source?.close();
    source = null;
  }
  // A page that is not visible needs nothing, and a browser has few connections.
  document.addEventListener("visibilitychange", () => document.hidden ? leave() : connect());
  addEventListener("pagehide", leave);
  addEventListener("pageshow", (event) => { if (event.persisted) connect(); });

  // Actions: a question first, where the button has one.
  document.addEventListener("htmx:confirm", (event) => {
    const button = event.detail.triggeringEvent?.submitter ?? event.detail.elt;
    const question = button?.dataset?.confirm;
    if (!question) return;
    event.preventDefault();
    const chosen = $$("input[name=id]:checked").length;
    if (confirm(question.replace("{chosen}", chosen))) event.detail.issueRequest(true);
  });
  document.addEventListener("htmx:sendError", () => {
    $("#flash").innerHTML = "<p class=bad>The dashboard cannot be reached; nothing was done.</p>";
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful && event.detail.requestConfig?.verb === "post") {
      for (const box of $$("input[name=id]:checked, input[data-all]:checked")) box.checked = false;
      event.detail.elt.closest?.("details.action")?.removeAttribute("open");
      count();
    }
  });
  document.addEventListener("htmx:afterSwap", refresh);

  // Rows that are chosen.
  function count() {
    const chosen = $$("input[name=id]:checked").length;
    for (const each of $$("[data-chosen]")) each.textContent = chosen;
    for (const each of $$("button[data-needs-chosen]")) each.disabled = chosen === 0;
  }
  document.addEventListener("change", (event) => {
    const box = event.target;
    if (box.matches?.("input[data-all]")) for (const each of $$("input[name=id]")) each.checked = box.checked;
    if (box.matches?.("input[type=checkbox]")) count();
    if (box.id === "shortcuts") localStorage.setItem("gendurable-shortcuts", box.checked ? "on" : "off");
  });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (button) {
      try {
        await navigator.clipboard.writeText(button.dataset.copy);
      } catch {
        // Not on https: the old way.
        const area = document.createElement("textarea");
        area.value = button.dataset.copy;
        document.body.append(area);
        area.select();
        document.execCommand("copy");
        area.remove();
        button.focus();
      }
      button.classList.add("done");
      setTimeout(() => button.classList.remove("done"), 1200);
    }
    if (event.target.closest?.("[data-dismiss]")) $("#flash").replaceChildren();
  });

  // Keys. They can be turned off, because some people speak or type them by accident.
  const help = $("#help");
  const shortcuts = $("#shortcuts");
  shortcuts.checked = localStorage.getItem("gendurable-shortcuts") !== "off";
  $("#help-button").addEventListener("click", () => help.showModal());
  const PLACES = { o: "", i: "instances", q: "queues", l: "limits", s: "schedules", f: "failures" };
  let prefix = 0;
  function step(by) {
    const rows = $$("a[data-row]");
    if (!rows.length) return;
    const at = rows.findIndex((each) => each === document.activeElement);
    rows[Math.min(rows.length - 1, Math.max(0, at < 0 ? 0 : at + by))].focus();
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !shortcuts.checked || help.open) return;
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) && event.target.type !== "checkbox") return;
    const after = Date.now() - prefix < 1500;
    prefix = 0;
    if (after && event.key in PLACES) location.href = new URL(PLACES[event.key], document.baseURI);
    else if (event.key === "g") prefix = Date.now();
    else if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
    else if (event.key === "?") help.showModal();
    else if (event.key === "/") {
      const field = $("form.filters input:not([type=hidden]), form.filters select");
      if (!field) return;
      event.preventDefault();
      field.focus();
    }
  });

  // On a phone the menu is wider than the screen.
  $("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  addEventListener("resize", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  refresh();
  setInterval(tick, 1000);
  if (live.dataset.live && !document.hidden) connect();
})();
