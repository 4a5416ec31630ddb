import { render } from "preact";
import "./styles/base.css";
import "./styles/controls.css";
import "./styles/alone.css";
import "./styles/shell.css";
import "./styles/sidebar.css";
import "./styles/chat.css";
import "./styles/composer.css";
import "./styles/markdown.css";
import { App } from "./ui/app";

const root = document.getElementById("app");
if (root) render(<App />, root);
