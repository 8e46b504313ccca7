import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Languages } from "./i18n";
import { Shell } from "./Shell";
import { keepTheme } from "./theme";
import { ToastRoom } from "./ui";
import "./theme.css";

keepTheme();
createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <Languages>
      <ToastRoom>
        <Shell />
      </ToastRoom>
    </Languages>
  </StrictMode>,
);
