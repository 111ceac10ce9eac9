/**
 * GET requests of signed-in people over keep-alive connections, from a process of its own.
 * `bun bench/support/gets.ts <base> <path> <people.json> <connections> <seconds> <warm-up seconds>` prints the rate.
 */
import type { BenchPerson } from './people'

const [base = '', path = '/', file = '', connections = '64', seconds = '5', warmUp = '1'] = process.argv.slice(2)
const people = (await Bun.file(file).json()) as BenchPerson[]
const { hostname, port } = new URL(base)
const requests = people.map(
  ({ token }) => `GET ${path} HTTP/1.1\r\nhost: ${hostname}\r\nauthorization: Bearer ${token}\r\n\r\n`,
)
const OK = Buffer.from('HTTP/1.1 200')

let answered = 0
let failed = 0
let measuring = false
let next = 0

const send = (socket: Bun.Socket<undefined>) => {
  next = (next + 1) % requests.length
  socket.write(requests[next] as string)
}

await Promise.all(
  Array.from({ length: Number(connections) }, () =>
    Bun.connect({
      hostname,
      port: Number(port),
      socket: {
        open: send,
        // An answer of this size comes in one piece.
        data(socket, chunk) {
          if (chunk.compare(OK, 0, OK.length, 0, OK.length) !== 0) failed += 1
          else if (measuring) answered += 1
          send(socket)
        },
      },
    }),
  ),
)
await Bun.sleep(Number(warmUp) * 1000)
measuring = true
const startedAt = performance.now()
await Bun.sleep(Number(seconds) * 1000)
measuring = false
console.log(JSON.stringify({ perSecond: answered / ((performance.now() - startedAt) / 1000), failed }))
process.exit(0)
