-- pages.lua: for wrk: each answer must be a whole page, with the parts of both services.

local threads = {}
local parts = {'data-service="product" data-state="ok"', 'data-service="reviews" data-state="ok"'}

function setup(thread)
    table.insert(threads, thread)
end

function init()
    whole, broken, first = 0, 0, ""
end

function response(status, headers, body)
    if status == 200 and body:find(parts[1], 1, true) and body:find(parts[2], 1, true) then
        whole = whole + 1
        return
    end
    broken = broken + 1
    if first == "" then
        first = status .. " " .. body:gsub("<style>.*</style>", ""):gsub("%s+", " ")
    end
end

function done(summary, latency)
    local whole, broken, first = 0, 0, ""
    for _, thread in ipairs(threads) do
        whole = whole + thread:get("whole")
        broken = broken + thread:get("broken")
        first = first == "" and thread:get("first") or first
    end
    local errors = summary.errors
    print(string.format("pages: whole=%d broken=%d connect=%d read=%d write=%d timeout=%d",
        whole, broken, errors.connect, errors.read, errors.write, errors.timeout))
    print(string.format("ms: median=%.1f p99=%.1f max=%.1f", latency:percentile(50) / 1000,
        latency:percentile(99) / 1000, latency.max / 1000))
    if first ~= "" then
        print("first broken: " .. first)
    end
end
