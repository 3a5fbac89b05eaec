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

const attempts = 5

/** For whoever must know its port before it listens: somebody else may have taken it meanwhile, and then there is another. */
export async function onFreePort<T>(preferred: number, start: (port: number) => Promise<T>): Promise<{ port: number; host: T }> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort(preferred)
    try {
      return { port, host: await start(port) }
    } catch (error) {
      const taken = error instanceof Error && error.message.includes('EADDRINUSE')
      if (!taken || attempt === attempts) throw error
    }
  }
}
