// node as a reader: one line of JSON for each request it read completely. Usage: node reader.js PORT
const http = require("http");

http.createServer((request, answer) => {
    let length = 0;
    request.on("data", (piece) => { length += piece.length; });
    request.on("end", () => {
        if (!request.complete)
            return;
        process.stdout.write(JSON.stringify({
            id: request.headers["x-request-id"], method: request.method, target: request.url, length: length,
        }) + "\n");
        answer.end("ok");
    });
}).listen(Number(process.argv[2]), "127.0.0.1");
