import { useEffect, useState } from "preact/hooks";
import { sentence } from "../api/errors";
import { config } from "../identity/config";
import { finish } from "../identity/oidc";
import { session } from "../identity/session";
import { navigate } from "../router";

/** Back from the issuer: the code becomes a session. */
export function SignedIn() {
  const [problem, setProblem] = useState("");
  useEffect(() => {
    const identity = config.value?.identity;
    const query = new URLSearchParams(location.search);
    history.replaceState(null, "", location.pathname); // the code works once; nobody need see it
    if (identity?.kind !== "oidc") return navigate("/", true);
    finish(identity, query).then(
      (signedIn) => {
        session.value = signedIn.session;
        navigate(signedIn.back, true);
      },
      (error: unknown) => setProblem(sentence(error)),
    );
  }, []);
  return (
    <main class="alone">
      <h1>Keepwarm</h1>
      {problem ? <p role="alert">{problem}</p> : <p>Signing in …</p>}
      {problem && (
        <button type="button" class="primary" onClick={() => navigate("/", true)}>
          Back
        </button>
      )}
    </main>
  );
}
