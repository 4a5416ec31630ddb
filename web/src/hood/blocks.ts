/** The KV cache as a picture: which cell stands for what. Pure. */

import type { KvBlocks, Reading } from "./snapshot";

export interface Region {
  kind: "session" | "shared" | "warm" | "used" | "free";
  /** Colour of a session, counted from 0. */
  index: number;
  label: string;
  blocks: number;
}

export interface Picture {
  total: number;
  blockSize: number | null;
  regions: Region[];
}

/** With the sessions where the container tells them, else by what its metrics say. */
export function pictureOf(kv: KvBlocks | null, reading: Reading | null): Picture | null {
  if (kv && kv.total > 0) return { ...detailed(kv), total: kv.total, blockSize: kv.block_size };
  if (!reading?.blocks.total) return null;
  const { total, free, cached } = reading.blocks;
  const used = total - free; // blocks that are free may be warm: they hold a prefix until needed
  const warm = Math.max(0, Math.min(cached - used, free));
  return { total, blockSize: null, regions: kept([region("used", used), ...rest(warm, free)]) };
}

function detailed(kv: KvBlocks): { regions: Region[] } {
  const sessions = kv.sessions.map((one, index) => ({
    ...region("session", Math.max(0, one.blocks - one.shared), one.label),
    index,
  }));
  const shown = sessions.reduce((sum, one) => sum + one.blocks, kv.shared);
  const free = Math.min(kv.free, kv.total);
  const warm = Math.max(0, Math.min(kv.cached - shown, kv.total - shown));
  const others = Math.max(0, kv.total - shown - warm);
  return {
    regions: kept([
      region("shared", kv.shared),
      ...sessions,
      region("warm", warm),
      region("used", Math.max(0, others - free)),
      region("free", Math.min(others, free)),
    ]),
  };
}

function rest(warm: number, free: number): Region[] {
  return [region("warm", warm), region("free", free - warm)];
}

const LABELS = { session: "", shared: "shared", warm: "warm", used: "in use", free: "free" };

function region(kind: Region["kind"], blocks: number, label = LABELS[kind]): Region {
  return { kind, index: 0, label, blocks };
}

const kept = (regions: Region[]): Region[] => regions.filter((one) => one.blocks > 0);

/** Cells to draw, one a block: all that hold something, and free ones up to `limit` in all. */
export function cellsOf(picture: Picture, limit: number): { cells: Region[]; hidden: number } {
  const cells: Region[] = [];
  let hidden = 0;
  for (const one of picture.regions) {
    const drawn = Math.min(one.blocks, Math.max(0, limit - cells.length));
    for (let count = 0; count < drawn; count++) cells.push(one);
    hidden += one.blocks - drawn;
  }
  return { cells, hidden };
}
