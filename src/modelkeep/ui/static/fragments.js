(function (base) {
  // The mlflow client prints links such as /#/experiments/1/runs/abc. What follows # never reaches a server.
  function follow() {
    var parts = location.hash.replace(/^#\/?/, "").split("?")[0].split("/").map(function (part) {
      // A name printed as it is may hold a % that encodes nothing.
      part = part.replace(/%(?![0-9a-f]{2})/gi, "%25");
      try { return encodeURIComponent(decodeURIComponent(part)); } catch (_) { return encodeURIComponent(part); }
    });
    var known = { experiments: ["runs", "models"], models: ["versions"] }[parts[0]];
    if (!known) return;
    var depth = parts[1] && known.indexOf(parts[2]) >= 0 && parts[3] ? 4 : parts[1] ? 2 : 1;
    location.replace(base + "/" + parts.slice(0, depth).join("/"));
  }
  addEventListener("hashchange", follow);
  follow();
})(document.currentScript.getAttribute("data-base"));
