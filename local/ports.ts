/** A free loopback port: the preferred one, or the next that is not taken. 0 = any. */
import { createServer } from 'node:net'

export async function freePort(preferred: number): Promise<number> {
  for (let port = preferred; port < preferred + 100; port++) {
    const taken = await listenOnce(port)
    if (taken !== undefined) return taken
  }
  throw new Error(`no free port from ${preferred} to ${preferred + 99}`)
}

function listenOnce(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(undefined))
    server.listen(port, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : undefined))
    })
  })
}
