import { count } from "../chat/receipt";
import { cellsOf, type Picture, pictureOf, type Region } from "./blocks";
import { readingOf, type Snapshot } from "./snapshot";

const CELLS = { wide: 640, narrow: 260 };
const COLOURS = 8;

/** One container's KV cache: a bar to scale, a cell for each block, and who holds them. */
export function KvMap({ container }: { container: Snapshot["containers"][number] }) {
  const picture = pictureOf(container.kv, readingOf(container.metrics));
  return (
    <section class="card kv" aria-label={`KV cache of ${container.name}`}>
      <header>
        <h3>KV cache · {container.name}</h3>
        {picture && <span>{summary(picture)}</span>}
      </header>
      {picture ? <Drawing picture={picture} /> : <p class="hint">It tells nothing right now.</p>}
      {container.kv && container.kv.sessions.length > 0 && <Sessions kv={container.kv} />}
    </section>
  );
}

function summary(picture: Picture): string {
  const size = picture.blockSize ? ` of ${picture.blockSize} tokens` : "";
  return `${count(picture.total)} blocks${size}`;
}

function Drawing({ picture }: { picture: Picture }) {
  const { cells, hidden } = cellsOf(picture, innerWidth > 760 ? CELLS.wide : CELLS.narrow);
  return (
    <>
      <div class="cells" role="img" aria-label={spoken(picture)}>
        {cells.map((one, index) => (
          <i key={index} class={toneOf(one)} />
        ))}
      </div>
      <ul class="legend">
        {grouped(picture).map(([kind, label, blocks]) => (
          <li key={kind}>
            <i class={kind === "session" ? "session tone-0" : kind} />
            {label} <b>{count(blocks)}</b>
          </li>
        ))}
        {hidden > 0 && <li class="hint">{count(hidden)} blocks are not drawn</li>}
      </ul>
    </>
  );
}

function toneOf(region: Region): string {
  return region.kind === "session" ? `session tone-${region.index % COLOURS}` : region.kind;
}

function grouped(picture: Picture): [Region["kind"], string, number][] {
  const names = {
    shared: "shared",
    session: "warm, by session",
    warm: "warm",
    used: "in use",
    free: "free",
  };
  return (Object.keys(names) as Region["kind"][]).flatMap((kind) => {
    const blocks = picture.regions
      .filter((one) => one.kind === kind)
      .reduce((sum, one) => sum + one.blocks, 0);
    return blocks ? [[kind, names[kind], blocks] as [Region["kind"], string, number]] : [];
  });
}

function spoken(picture: Picture): string {
  const parts = grouped(picture).map(([, label, blocks]) => `${count(blocks)} ${label}`);
  return `Of ${count(picture.total)} blocks: ${parts.join(", ")}`;
}

function Sessions({ kv }: { kv: NonNullable<Snapshot["containers"][number]["kv"]> }) {
  return (
    <div class="table" tabindex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">session</th>
            <th scope="col">tokens</th>
            <th scope="col">blocks</th>
            <th scope="col">shared</th>
            <th scope="col">state</th>
          </tr>
        </thead>
        <tbody>
          {kv.sessions.slice(0, 12).map((one, index) => (
            <tr key={one.label}>
              <td>
                <i class={`session tone-${index % COLOURS}`} /> {one.label}
              </td>
              <td>{count(one.tokens)}</td>
              <td>{count(one.blocks)}</td>
              <td>{count(one.shared)}</td>
              <td>{one.running ? "running" : `warm for ${age(one.age_s)}`}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function age(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  return seconds < 3600 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}
