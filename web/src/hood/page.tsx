import { useEffect } from "preact/hooks";
import { count, duration } from "../chat/receipt";
import { config } from "../identity/config";
import "../styles/hood.css";
import "../styles/kv_map.css";
import { TopBar } from "../ui/top_bar";
import { Chart } from "./chart";
import { KvMap } from "./kv_map";
import { type Reading, readingOf, sumOf } from "./snapshot";
import { passing, points, snapshot, stale, watch } from "./state";

/** Under the hood: what the parts say of themselves, as it happens. */
export default function HoodPage() {
  const hood = config.value?.hood;
  useEffect(() => {
    document.title = "Under the hood · Keepwarm";
    return hood ? watch(hood) : undefined;
  }, [hood]);
  const taken = snapshot.value;
  return (
    <div class="hood">
      <TopBar title="Under the hood">
        {stale.value && <span class="tag">no contact, trying again</span>}
      </TopBar>
      <section class="hood-scroll" aria-label="Under the hood" tabindex={0}>
        {taken ? (
          <Dashboard />
        ) : (
          <p class="loading">{hood ? "Looking …" : "Nothing to see here."}</p>
        )}
      </section>
    </div>
  );
}

function Dashboard() {
  const containers = snapshot.value?.containers ?? [];
  return (
    <div class="hood-inner">
      <Figures />
      {containers.map((one) => (
        <KvMap key={one.name} container={one} />
      ))}
      <Charts />
      <Events />
      <Parts />
    </div>
  );
}

function Figures() {
  const taken = snapshot.value;
  const readings = (taken?.containers ?? []).map((one) => readingOf(one.metrics));
  const now = sumOf(readings.filter((one): one is Reading => one !== null));
  const figures: [string, string, string][] = [
    ["running", now ? count(now.running) : "–", "requests in the batch"],
    ["waiting", now ? count(now.waiting) : "–", "requests in the queue"],
    [
      "hit share",
      now?.prompt ? percent(now.cached / now.prompt) : "–",
      "of prompt tokens were warm",
    ],
    ["generated", now ? count(now.generated) : "–", "tokens since the start"],
    [
      "functions",
      taken?.lambda ? `${taken.lambda.busy}/${taken.lambda.environments}` : "–",
      "environments at work",
    ],
  ];
  return (
    <dl class="figures">
      {figures.map(([name, value, about]) => (
        <div key={name} class="card">
          <dt>{name}</dt>
          <dd data-figure={name}>{value}</dd>
          <dd class="hint">{about}</dd>
        </div>
      ))}
    </dl>
  );
}

function Charts() {
  const all = points.value;
  const turns = passing.value.flatMap((one) => one.turn ?? []).reverse();
  const firsts = turns.map((one) => one.firstTokenMs);
  const shares = turns.map((one) => (one.input ? (one.cached / one.input) * 100 : null));
  const last = all.at(-1);
  const told = (value: number | null | undefined, unit: string): string =>
    value == null ? "–" : `${value >= 10 || value === 0 ? count(value) : value.toFixed(1)} ${unit}`;
  return (
    <div class="charts">
      <Chart
        title="Throughput"
        unit="tokens/s"
        least={10}
        now={told(last?.generatedPerS, "tokens/s")}
        series={[
          { name: "prompt, computed", values: all.map((one) => one.computedPerS), tone: "cool" },
          { name: "generated", values: all.map((one) => one.generatedPerS), tone: "warm" },
        ]}
      />
      <Chart
        title="Requests"
        unit="requests"
        least={2}
        now={last ? `${last.running} running, ${last.waiting} waiting` : "–"}
        series={[
          { name: "waiting", values: all.map((one) => one.waiting), tone: "cool" },
          { name: "running", values: all.map((one) => one.running), tone: "warm" },
        ]}
      />
      <Chart
        title="Time to first token, by turn"
        unit="ms"
        least={100}
        now={firsts.at(-1) == null ? "–" : duration(firsts.at(-1) ?? 0)}
        series={[{ name: "first token", values: firsts, tone: "warm", dots: true }]}
      />
      <Chart
        title="Warm share of the prompt, by turn"
        unit="%"
        least={100}
        now={shares.at(-1) == null ? "–" : told(shares.at(-1), "%")}
        series={[{ name: "warm", values: shares, tone: "warm", dots: true }]}
      />
    </div>
  );
}

function Events() {
  const all = passing.value;
  return (
    <section class="card events" aria-label="Events passing through Kinesis">
      <header>
        <h3>Passing through Kinesis</h3>
        <span>{all.length ? `the last ${all.length}` : ""}</span>
      </header>
      {all.length === 0 && <p class="hint">Nothing yet. Each turn sends two events.</p>}
      <ol tabindex={0} aria-label="Events">
        {all.slice(0, 60).map((one) => (
          <li key={one.id}>
            <time>{new Date(one.at_ms).toLocaleTimeString("en-GB")}</time>
            <span class={`kind ${one.kind}`}>{one.kind}</span>
            <span>{one.text}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}

function Parts() {
  const taken = snapshot.value;
  return (
    <section class="card parts" aria-label="Parts">
      <header>
        <h3>Parts</h3>
      </header>
      <ul>
        {(taken?.parts ?? []).map((one) => (
          <li key={one.name} class={one.state === "up" ? "up" : "down"}>
            <b>{one.name}</b>
            <span>{one.state}</span>
            <span class="hint">
              {one.port ? `port ${one.port}, ` : ""}
              since {new Date(one.since_ms).toLocaleTimeString("en-GB")}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;
}
