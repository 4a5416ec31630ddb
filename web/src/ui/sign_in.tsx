import { useEffect, useState } from "preact/hooks";
import { sentence } from "../api/errors";
import { forget } from "../chat/conversations";
import { config, type OidcIdentity } from "../identity/config";
import { signInLocally } from "../identity/local";
import { begin } from "../identity/oidc";
import { session } from "../identity/session";
import { Logo } from "./icons";

const LAST = "keepwarm.last-user";

export function SignIn() {
  const identity = config.value?.identity;
  useEffect(forget, []);
  return (
    <main class="alone">
      <Logo />
      <h1>Keepwarm</h1>
      <p class="lead">A chat whose conversations stay warm.</p>
      {identity?.kind === "local" && <LocalForm address={identity.sign_in} />}
      {identity?.kind === "oidc" && <OidcButton identity={identity} />}
    </main>
  );
}

function LocalForm({ address }: { address: string }) {
  const [user, setUser] = useState(localStorage.getItem(LAST) ?? "");
  const [problem, setProblem] = useState("");
  const signIn = async (event: SubmitEvent) => {
    event.preventDefault();
    try {
      session.value = await signInLocally(address, user);
      localStorage.setItem(LAST, user);
    } catch (error) {
      setProblem(sentence(error));
    }
  };
  return (
    <form class="sign-in" onSubmit={signIn}>
      <label for="user">Your name</label>
      <input
        id="user"
        name="user"
        autocomplete="username"
        autofocus
        required
        maxLength={64}
        value={user}
        aria-describedby={problem ? "sign-in-problem" : "sign-in-hint"}
        onInput={(event) => setUser(event.currentTarget.value)}
      />
      <button type="submit" class="primary">
        Sign in
      </button>
      {problem && (
        <p id="sign-in-problem" class="problem" role="alert">
          {problem}
        </p>
      )}
      <p id="sign-in-hint" class="hint">
        This runs on your own machine: any name will do, and each has conversations of its own.
      </p>
    </form>
  );
}

function OidcButton({ identity }: { identity: OidcIdentity }) {
  const [problem, setProblem] = useState("");
  const go = async () => {
    try {
      location.assign(await begin(identity, location.pathname));
    } catch (error) {
      setProblem(sentence(error));
    }
  };
  return (
    <div class="sign-in">
      <button type="button" class="primary" onClick={go}>
        Sign in
      </button>
      {problem && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
    </div>
  );
}
