// `weir diff --format patch`, judged by somebody else's RFC 6902: the patch applied to A gives B.
//
//     patch_check.js WEIR CASES     CASES: tests/diff; beside them, documents made by dice that are always the same
//
// A JavaScript number is a double, which would round 64-bit ids and call 1e400 infinite: whatever is judged here has no
// numbers. Every scalar becomes a string that says what it is: "s" and the text, or "n" and the number's one canonical
// form, so that 1, 1.0 and 10e-1 are equal, as RFC 6902 4.6 has it, and 2^53 and 2^53 + 1 are not. Of a repeated key
// the last counts, here as there.
//
// Not judged: members named __proto__, which fast-json-patch refuses to touch.
const { spawnSync } = require("child_process");
const fs = require("fs");
const os = require("os");
const path = require("path");
const util = require("util");
const zlib = require("zlib");
const { applyPatch } = require("fast-json-patch");

const JUDGED_AT_LEAST = 150, MADE = 200;

// --- JSON without numbers ---

function canonical(number) {
    const [, minus, whole, part = "", power = "0"] = number.match(/^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/);
    const digits = (whole + part).replace(/^0+/, ""), kept = digits.replace(/0+$/, "");
    return kept === "" ? "n0" : `n${minus}${kept}e${BigInt(power) - BigInt(part.length - digits.length + kept.length)}`;
}

// A string that a colon follows is a key, or a word of the patch itself: it stays.
function marked(text) {
    return text.replace(/("(?:[^"\\]|\\.)*")(\s*:)?|-?\d[-+.\w]*/g,
        (token, string, colon) => !string ? `"${canonical(token)}"` : colon ? token : `"s${string.slice(1)}`);
}

function read(bytes) {
    return JSON.parse(marked(new TextDecoder("utf-8", { fatal: true }).decode(bytes)));
}

function readPatch(bytes) {
    return read(bytes).map((o) => ({ ...o, op: o.op.slice(1), path: o.path.slice(1) }));
}

// --- what was saved ---

const DECODERS = {
    gzip: zlib.gunzipSync,
    "x-gzip": zlib.gunzipSync,
    br: zlib.brotliDecompressSync,
    deflate: (bytes) => (bytes[0] & 15) === 8 ? zlib.inflateSync(bytes) : zlib.inflateRawSync(bytes),
    identity: (bytes) => bytes,
};

function body(file) {
    const bytes = fs.readFileSync(file), text = bytes.toString("latin1");
    const end = /\r?\n\r?\n/.exec(text);
    if (!text.startsWith("HTTP/") || !end)
        return bytes;
    const fields = [...text.slice(0, end.index).matchAll(/^content-encoding:(.*)$/gim)].map((m) => m[1].split(",")).flat();
    return fields.map((name) => name.trim()).reverse().reduce((b, name) => DECODERS[name](b), bytes.subarray(end.index + end[0].length));
}

// --- judging ---

function fail(files, why, patch) {
    console.log(`${files.join(" ")}: ${why}\n${patch}`);
    process.exit(1);
}

// False: weir says that there is no patch, because one of them is not JSON or cannot be read.
function judge(weir, files) {
    const done = spawnSync(weir, ["diff", "--format", "patch", ...files], { maxBuffer: 1 << 28 });
    if (done.status === 2)
        return false;
    if (done.status !== 0 && done.status !== 1)
        fail(files, `status ${done.status}`, done.stderr);
    try {
        const patch = readPatch(done.stdout), [a, b] = files.map((f) => read(body(f)));
        const made = applyPatch(a, patch, true).newDocument;
        if (!util.isDeepStrictEqual(made, b))
            fail(files, `the patch makes ${util.inspect(made, { depth: 9 })}`, done.stdout);
        if ((done.status === 0) !== (patch.length === 0))
            fail(files, `status ${done.status} with ${patch.length} steps`, done.stdout);
    } catch (e) {
        fail(files, e.stack, done.stdout);
    }
    return true;
}

// --- documents made by dice ---

const KEYS = ["a", "b/c", "~x", "~1", "~0/", "", "k", "-", "0", "01", "\u00e9", "e\u0301", "\ud83d\ude00", "\ud800", "\"\\\n"];
const TEXTS = [...KEYS, "\u0000", "\u2028", "1", "null", "\udfff\ud83d"];
const NUMBERS = ["0", "-0", "1", "1.0", "10e-1", "-1", "0.1", "1e400", "1E+400", "-1e-400", "9007199254740992", "9007199254740993",
    "18446744073709551616", "3.141592653589793238462643383279502884", "3.141592653589793238462643383279502885"];

function dice(seed) { // mulberry32
    const next = () => {
        seed = (seed + 0x6d2b79f5) | 0;
        let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return (t ^ (t >>> 14)) >>> 0;
    };
    const below = (n) => next() % n;
    return { below, one: (list) => list[below(list.length)], times: (n, f) => Array.from({ length: below(n) }, f) };
}

// A document is its text: that is how a key is repeated and a number written in more than one way.
const text = (s) => JSON.stringify(s);
const object = (members) => `{${members.map(([k, v]) => `${text(k)}: ${v}`).join(", ")}}`;
const array = (elements) => `[${elements.join(",")}]`;

function value(d, depth) {
    const kind = d.below(depth > 0 ? 9 : 6);
    if (kind < 1)
        return d.one(["null", "true", "false"]);
    if (kind < 3)
        return d.one(NUMBERS);
    if (kind < 6)
        return text(d.one(TEXTS));
    if (kind < 8)
        return object(d.times(6, () => [d.one(KEYS), value(d, depth - 1)]));
    return array(d.times(8, () => value(d, depth - 1)));
}

// An array of documents and what has become of it: some went, some came, some are others, some changed places.
function changed(d, list, depth) {
    const out = list.filter(() => d.below(10) > 0).map((v) => d.below(8) === 0 ? value(d, depth) : v);
    for (let n = d.below(4); n > 0; n--)
        out.splice(d.below(out.length + 1), 0, value(d, depth));
    if (d.below(4) === 0)
        out.push(...out.splice(0, d.below(out.length + 1)));
    return out;
}

function pair(d, i) {
    if (i % 10 === 0)
        return [value(d, 4), value(d, 4)]; // the root itself may become another
    const wrap = d.one([array, (l) => object(l.map((v, k) => [d.one(KEYS) + (k % 5), v]))]);
    const list = d.times(12, () => value(d, 3)), nested = array([array(list), "1"]);
    const after = changed(d, list, 2);
    return i % 3 === 0 ? [nested, array([array(after), "1.0"])] : [wrap(list), wrap(after)];
}

function judgeMade(weir) {
    const d = dice(6902), room = fs.mkdtempSync(path.join(os.tmpdir(), "weir-patch-"));
    const files = [path.join(room, "a"), path.join(room, "b")];
    for (let i = 0; i < MADE; i++) {
        const texts = pair(d, i);
        files.forEach((f, k) => fs.writeFileSync(f, texts[k]));
        if (!judge(weir, files))
            fail(files, "no patch", texts.join("\n"));
    }
    fs.rmSync(room, { recursive: true });
}

const [weir, cases] = process.argv.slice(2);
const names = fs.readdirSync(cases).map((name) => ["legacy", "new"].map((side) => path.join(cases, name, side)));
const judged = names.filter((files) => judge(weir, files)).length;
judgeMade(weir);
console.log(`${judged} pairs of ${names.length} and ${MADE} made by dice`);
process.exit(judged < JUDGED_AT_LEAST ? 1 : 0);
