/**
 * A program on a pseudo-terminal, and somebody in front of it who reads and types. No native module: util-linux's `script` makes
 * the terminal, or python3 where that is missing. Without either there is no test of what a person sees, and that is an error.
 */
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process'
import { stripVTControlCharacters } from 'node:util'

export interface Terminal {
  /** Resolves once this is on the screen, behind what was waited for last. Otherwise says what was there instead. */
  shows(text: string): Promise<void>
  /** What stands behind what was waited for last. */
  reads(form: RegExp): Promise<string>
  type(keys: string): void
  /** Waits for the question, then types the answer. */
  answer(question: string, keys: string): Promise<void>
  /** All that was ever shown, without what only moves the cursor or colours. */
  screen(): string
  exited: Promise<number | null>
  kill(): void
}

export const enter = '\r'
export const down = '\u001b[B'
export const ctrlC = '\u0003'
/** Empties what stands in a line. */
export const clear = '\u0015'

const patienceMs = 20_000

export function openTerminal(program: readonly string[], options: { cwd: string; environment?: Record<string, string> }): Terminal {
  const env = { ...process.env, TERM: 'xterm', NO_COLOR: '1', ...options.environment }
  const child = spawnIn({ cwd: options.cwd, env }, `stty cols 240 rows 70; exec ${program.map(quoted).join(' ')}`)
  let shown = ''
  let seen = 0
  let wake = () => {}
  const take = (chunk: Buffer) => {
    shown += chunk.toString('utf8')
    wake()
  }
  child.stdout.on('data', take)
  child.stderr.on('data', take)
  const exited = new Promise<number | null>((resolve) => {
    child.once('close', (code) => {
      resolve(code)
      wake()
    })
  })
  const screen = () => stripVTControlCharacters(shown).replaceAll('\r', '')
  /** Waits until `find` finds something in what was shown since. */
  async function until<T>(find: (since: string) => T | undefined, what: string): Promise<T> {
    const late = AbortSignal.timeout(patienceMs)
    for (;;) {
      const found = find(screen().slice(seen))
      if (found !== undefined) return found
      if (late.aborted || child.exitCode !== null) throw new Error(`${what} was not shown. Since then:\n${screen().slice(seen)}`)
      await new Promise<void>((resolve) => {
        wake = resolve
        late.addEventListener('abort', () => resolve(), { once: true })
      })
    }
  }

  async function shows(text: string): Promise<void> {
    const at = await until((since) => (since.includes(text) ? since.indexOf(text) : undefined), `'${text}'`)
    seen += at + text.length
  }
  const type = (keys: string) => void child.stdin.write(keys)
  return {
    shows,
    reads: (form) => until((since) => form.exec(since)?.[0], String(form)),
    type,
    async answer(question, keys) {
      await shows(question)
      type(keys)
    },
    screen,
    exited,
    kill: () => void child.kill(),
  }
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

const python = 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(["sh", "-c", sys.argv[1]])))'

function spawnIn(options: { cwd: string; env: NodeJS.ProcessEnv }, command: string): ChildProcessWithoutNullStreams {
  const has = (program: string) => spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0
  if (has('script')) return spawn('script', ['-qec', command, '/dev/null'], options)
  if (has('python3')) return spawn('python3', ['-c', python, command], options)
  throw new Error('no pseudo-terminal: this test needs script (util-linux) or python3')
}
