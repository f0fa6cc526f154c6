// Shows the OpenAPI document of this server with Scalar's viewer.
//
// The viewer also advertises services of its maker. Whoever reads this page may have a root key in its fields, so
// nothing on it leads or sends anything to another host.

"use strict";

Scalar.createApiReference("#reference", {
  url: "/openapi.json",
  authentication: { preferredSecurityScheme: "rootKey" },
  proxyUrl: "", // test requests go from the browser to this server, not through a proxy
  hideModels: true, // each stands with its operation; the list buries what a search finds
  withDefaultFonts: false, // they would come from a content delivery network
  telemetry: false,
  // Some of these are on wherever the address of the page looks like a developer's own machine.
  agent: { disabled: true }, // "Ask AI"
  mcp: { disabled: true }, // "Generate MCP"
  showDeveloperTools: "never", // "Configure", "Share", "Deploy"
  hideClientButton: true, // "Open API Client"
  // No option takes away the link of the footer; without its address nothing is left of it but a word to hide.
  customCss: `
    .darklight-reference a:not([href]) { display: none; }
    a[target="_blank"]:not([href]) { cursor: inherit; text-decoration: none; }
  `,
});

// Links that are part of the viewer lose their address. Their elements stay, because the viewer goes on managing them.
function closeForeignLinks() {
  for (const link of document.querySelectorAll("a[href]")) {
    if (link.protocol.startsWith("http") && link.origin !== location.origin) {
      link.removeAttribute("href");
    }
  }
}

new MutationObserver(closeForeignLinks).observe(document.documentElement, {
  attributeFilter: ["href"],
  childList: true,
  subtree: true,
});
closeForeignLinks();
