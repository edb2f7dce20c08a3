-- wrk's script: checks status and length of every answer and prints one line of JSON at the end.
-- Arguments after "--": the length of a right answer, then the bytes to POST (0: GET).
local made = {}

function setup(thread)
  table.insert(made, thread)
end

function init(args)
  right_length = tonumber(args[1])
  wrong = 0
  first_wrong = ""
  local post = tonumber(args[2])
  if post > 0 then
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "application/json"
    wrk.body = '"' .. string.rep("x", post - 2) .. '"'
  end
end

function response(status, headers, body)
  if status ~= 200 or #body ~= right_length then
    wrong = wrong + 1
    if first_wrong == "" then
      first_wrong = string.format("status %d, %d bytes", status, #body)
    end
  end
end

function done(summary, latency, requests)
  local bad, example = 0, ""
  for _, thread in ipairs(made) do
    bad = bad + thread:get("wrong")
    if example == "" then example = thread:get("first_wrong") end
  end
  local e = summary.errors
  print(string.format('JSON {"requests": %d, "wrong": %d, "first_wrong": "%s", "connect": %d, "read": %d, "write": %d, ' ..
    '"timeout": %d, "seconds": %.6f, "p50_us": %d, "p99_us": %d}', summary.requests, bad, example, e.connect, e.read,
    e.write, e.timeout, summary.duration / 1e6, latency:percentile(50), latency:percentile(99)))
end
