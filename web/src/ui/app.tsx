import { useEffect, useState } from "preact/hooks";
import { lookAgain, open, refreshList } from "../chat/conversations";
import { config, loadConfig } from "../identity/config";
import { session } from "../identity/session";
import { route } from "../router";
import { Shell } from "./shell";
import { SignIn } from "./sign_in";
import { SignedIn } from "./signed_in";

/** The page: who is nobody yet signs in, everybody else is in the house. */
export function App() {
  const [problem, setProblem] = useState("");
  const load = () => {
    setProblem("");
    loadConfig().catch(() => setProblem("Keepwarm cannot be reached."));
  };
  useEffect(load, []);
  if (problem) return <Unreachable text={problem} retry={load} />;
  if (!config.value) return null;
  if (route.value.view === "signed-in") return <SignedIn />;
  if (!session.value) return <SignIn />;
  return <House key={session.value.user} />;
}

function House() {
  useEffect(() => {
    void refreshList();
    const events = ["visibilitychange", "focus", "online"] as const;
    for (const kind of events) addEventListener(kind, lookAgain);
    return () => {
      for (const kind of events) removeEventListener(kind, lookAgain);
    };
  }, []);
  const shown = route.value;
  useEffect(() => {
    if (shown.view === "chat") void open(shown.id);
  }, [shown]);
  return <Shell />;
}

function Unreachable({ text, retry }: { text: string; retry: () => void }) {
  useEffect(() => {
    const timer = setInterval(retry, 5_000);
    return () => clearInterval(timer);
  }, [retry]);
  return (
    <main class="alone">
      <h1>Keepwarm</h1>
      <p role="alert">{text}</p>
      <button type="button" class="primary" onClick={retry}>
        Try again
      </button>
    </main>
  );
}
