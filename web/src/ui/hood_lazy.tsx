import { lazy, Suspense } from "preact/compat";

const Loaded = lazy(() => import("../hood/page"));

/** The page under the hood, loaded when it is opened. */
export function Hood() {
  return (
    <Suspense fallback={<p class="loading">Loading …</p>}>
      <Loaded />
    </Suspense>
  );
}
