// Words of a service as they come, and a button that ends its work.
const ask = document.getElementById("ask");
const stop = document.getElementById("stop");
const words = document.getElementById("words");
let leave = null;

function show(state) {
    words.dataset.state = state;
    ask.disabled = state === "saying";
    stop.disabled = !ask.disabled;
}

async function say() {
    leave = new AbortController();
    words.textContent = "";
    words.className = "";
    show("saying");
    try {
        const id = new URLSearchParams(location.search).get("id") || 1;
        const answer = await fetch("/short?id=" + encodeURIComponent(id), {signal: leave.signal});
        if (!answer.ok) {
            throw new Error("status " + answer.status);
        }
        const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
        for (let got; !(got = await reader.read()).done;) {
            words.textContent += got.value;
        }
        show("said");
    } catch (error) {
        const isStopped = error.name === "AbortError";
        words.textContent += isStopped ? "" : " (The rest cannot be had right now.)";
        show(isStopped ? "stopped" : "failed");
    }
}

ask.addEventListener("click", say);
stop.addEventListener("click", () => leave.abort());
