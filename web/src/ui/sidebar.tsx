import { sentence } from "../api/errors";
import { loadMore, refreshList, searchFor } from "../chat/conversations";
import { saveEverything } from "../chat/export";
import { found, listed, nextCursor, search, summaries, tell } from "../chat/state";
import { config } from "../identity/config";
import { session } from "../identity/session";
import { navigate, route } from "../router";
import { theme, toggleTheme } from "../theme";
import { ConversationItem } from "./conversation_item";
import { Icon, IconButton, Logo } from "./icons";
import { Menu } from "./menu";

export function Sidebar() {
  return (
    <>
      <div class="sidebar-head">
        <Logo />
        <span class="brand">Keepwarm</span>
        <ThemeButton />
      </div>
      <button type="button" class="new-chat" onClick={() => navigate("/")}>
        <Icon name="plus" />
        New conversation
      </button>
      <label class="search">
        <Icon name="search" />
        <span class="unseen">Search conversations</span>
        <input
          type="search"
          placeholder="Search"
          value={search.value}
          onInput={(event) => void searchFor(event.currentTarget.value)}
        />
      </label>
      <List />
      <Foot />
    </>
  );
}

function ThemeButton() {
  const dark = theme.value === "dark";
  return (
    <IconButton
      icon={dark ? "sun" : "moon"}
      label={dark ? "Light colours" : "Dark colours"}
      onClick={toggleTheme}
    />
  );
}

function List() {
  return (
    <nav class="list" aria-label="Your conversations">
      <ul>
        {found.value.map((one) => (
          <ConversationItem key={one.id} one={one} />
        ))}
      </ul>
      {listed.value && !found.value.length && (
        <p class="hint">{summaries.value.length ? "Nothing of that name." : "Nothing here yet."}</p>
      )}
      {nextCursor.value && !search.value && (
        <button type="button" class="quiet" onClick={() => loadMore().catch(refreshList)}>
          Older ones
        </button>
      )}
    </nav>
  );
}

function Foot() {
  const hood = route.value.view === "hood";
  return (
    <div class="sidebar-foot">
      {config.value?.hood && (
        <a
          href="/hood"
          class="foot-link"
          aria-current={hood ? "page" : undefined}
          onClick={(event) => {
            event.preventDefault();
            navigate("/hood");
          }}
        >
          <Icon name="hood" />
          Under the hood
        </a>
      )}
      <Menu
        label={`Account of ${session.value?.user}`}
        class="account"
        entries={[
          { label: "Export my data", act: exportAll },
          { label: "Sign out", act: signOut },
        ]}
      >
        <Icon name="user" />
        <span>{session.value?.user}</span>
      </Menu>
    </div>
  );
}

function exportAll(): void {
  saveEverything().catch((error: unknown) => tell(sentence(error)));
}

function signOut(): void {
  session.value = null;
  location.assign("/"); // nothing of the last user stays in memory
}
