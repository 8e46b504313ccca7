import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The bundle goes into the Python package. While developing, calls go on to a server that runs beside.
export default defineConfig({
  base: "/",
  plugins: [react()],
  build: {
    outDir: "../skyloom/server/studio",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    target: "es2023",
    cssTarget: ["chrome125", "firefox128", "safari18"], // light-dark() stays as it is
    modulePreload: { polyfill: false },
  },
  server: { proxy: { "/v1": { target: "http://127.0.0.1:8440", changeOrigin: true } } },
});
