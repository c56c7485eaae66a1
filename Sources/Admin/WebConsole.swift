/// `GET /`: one page without anything from elsewhere, that draws what the JSON answers say.
enum WebConsole {
    static let page = #"""
        <!doctype html>
        <html lang="en"><head><meta charset="utf-8"><title>Martlet</title>
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <style>
        :root { color-scheme: light dark; --line: #8884; --bad: #d33; --good: #2a8; --wait: #c80; }
        body { font: 14px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 70rem; padding: 1rem; }
        h1 { font-size: 1.3rem; margin: 0; } h2 { font-size: 1rem; margin: 1.5rem 0 .3rem; }
        table { border-collapse: collapse; width: 100%; }
        th, td { text-align: left; padding: .2rem .6rem; border-bottom: 1px solid var(--line); }
        td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
        .alive, .up { color: var(--good); } .dead, .left { color: var(--bad); }
        .suspect, .draining, .leaving, .joining { color: var(--wait); }
        #facts span, #rates span { margin-right: 1.2rem; } #grid { display: grid; gap: 2px;
        grid-template-columns: repeat(auto-fill, minmax(1.6rem, 1fr)); }
        #grid i { font-style: normal; font-size: 10px; text-align: center; border-radius: 3px; color: #fff; }
        #side { display: flex; gap: 2rem; flex-wrap: wrap; } #side > div { flex: 1 1 20rem; }
        #error { color: var(--bad); }
        </style></head><body>
        <h1 id="title">Martlet</h1><p id="facts"></p><p id="error"></p>
        <p id="rates"></p>
        <h2>Members</h2><table><thead><tr><th class="n">#</th><th>name</th><th>state</th><th>gossip</th>
        <th class="n">leaders</th><th class="n">replicas</th><th class="n">rtt ms</th><th>client</th><th>admin</th>
        <th>zone</th><th>version</th></tr></thead><tbody id="members"></tbody></table>
        <h2>Moves</h2><table><tbody id="moves"></tbody></table>
        <h2>Partitions by leader</h2><div id="grid"></div>
        <div id="side"><div><h2>Ring</h2><svg id="ring" viewBox="-110 -110 220 220" width="260"></svg></div>
        <div><h2>This node</h2><table><tbody id="node"></tbody></table></div></div>
        <script>
        const $ = id => document.getElementById(id);
        const cell = (text, name) => { const td = document.createElement("td");
          td.textContent = text ?? ""; if (name) td.className = name; return td; };
        const row = (...cells) => { const tr = document.createElement("tr"); tr.append(...cells); return tr; };
        const color = number => `hsl(${(number * 137.5) % 360} 55% 42%)`;
        const token = new URLSearchParams(location.hash.slice(1)).get("token");
        async function read(path) {
          const answer = await fetch(path, token ? {headers: {authorization: "Bearer " + token}} : {});
          if (!answer.ok) throw new Error(path + ": " + answer.status);
          return answer.json();
        }
        function draw(cluster, ring, node) {
          const member = Object.fromEntries(cluster.members.map(m => [m.node_id, m]));
          const name = id => member[id]?.name ?? id;
          $("title").textContent = "Martlet: " + cluster.name;
          $("facts").replaceChildren(...[["epoch", cluster.epoch], ["partitions", cluster.partition_count],
            ["replicas", cluster.replication_factor], ["under-replicated", cluster.under_replicated],
            ["unavailable", cluster.unavailable], ["answered by", name(cluster.answered_by)]].map(([k, v]) => {
              const span = document.createElement("span"); span.textContent = k + " " + v; return span; }));
          $("members").replaceChildren(...cluster.members.map(m => row(cell(m.number, "n"), cell(m.name),
            cell(m.state, m.state), cell(m.gossip, m.gossip), cell(m.leaders, "n"), cell(m.replicas, "n"),
            cell(m.rtt_ms?.toFixed(1), "n"), cell(m.client), cell(m.admin), cell(m.zone), cell(m.version))));
          $("moves").replaceChildren(...(cluster.moves.length ? cluster.moves.map(m => row(
            cell("partition " + m.partition), cell(m.stage), cell(m.from.map(name).join(", ") + " \u2192 "
            + m.to.map(name).join(", ")), cell(m.lag_entries == null ? (m.leader ? "led by " + name(m.leader) : "")
            : m.lag_entries + " entries behind, " + m.snapshot_bytes + " bytes of snapshot sent"))) : [row(cell("none"))]));
          $("grid").replaceChildren(...ring.owners.map(o => { const i = document.createElement("i");
            i.textContent = o.partition; i.style.background = o.leader ? color(member[o.leader]?.number ?? 0) : "#888";
            i.title = "leader " + name(o.leader) + "; replicas " + o.replicas.map(name).join(", "); return i; }));
          $("ring").replaceChildren(...ring.tokens.map(t => {
            const a = t.position * 2 * Math.PI, line = document.createElementNS("http://www.w3.org/2000/svg", "line");
            for (const [k, v] of [["x1", 80 * Math.sin(a)], ["y1", -80 * Math.cos(a)], ["x2", 105 * Math.sin(a)],
              ["y2", -105 * Math.cos(a)], ["stroke", color(member[t.node_id]?.number ?? 0)], ["stroke-width", 1.5]])
              line.setAttribute(k, v);
            return line; }));
          $("rates").replaceChildren(...Object.entries(node.rates).map(([k, v]) => {
            const span = document.createElement("span"); span.textContent = k + " " + v.toFixed(1) + "/s"; return span; }));
          const flat = (value, path) => Object.entries(value).flatMap(([k, v]) => v && typeof v === "object"
            ? flat(v, path + k + ".") : [[path + k, v]]);
          $("node").replaceChildren(...flat(node, "").map(([k, v]) => row(cell(k), cell(v, "n"))));
        }
        async function turn() {
          try {
            draw(...await Promise.all([read("/cluster"), read("/cluster/ring"), read("/node")]));
            $("error").textContent = "";
          } catch (error) { $("error").textContent = error.message; }
          setTimeout(turn, 1000);
        }
        turn();
        </script></body></html>
        """#
}
