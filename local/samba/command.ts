/** Runs one program to its end. What it says goes into the error if it fails; nothing secret may stand in its arguments. */
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { labRoot } from './place.ts'

export interface CommandOptions {
  /** Secrets come this way: arguments can be read by everybody on the machine. */
  input?: string
  environment?: Record<string, string>
}

const lastLines = 15

/** Resolves with its standard output. */
export async function run(
  program: string,
  args: readonly string[],
  { input = '', environment = {} }: CommandOptions = {},
): Promise<string> {
  const child = spawn(program, args, { env: { ...process.env, ...environment }, stdio: ['pipe', 'pipe', 'pipe'] })
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', (cause) => reject(new Error(`${program} could not be run`, { cause })))
    child.once('close', resolve)
  })
  child.stdin.on('error', () => undefined) // it may end without reading
  child.stdin.end(input)
  const [code, output, complaints] = await Promise.all([ended, text(child.stdout), text(child.stderr)])
  if (code === 0) return output
  const said = `${output}\n${complaints}`.trim().split('\n').slice(-lastLines).join('\n')
  throw new Error(`${program} ended with ${code ?? 'a signal'}:\n${said}`)
}

export const runInside = (program: string, args: readonly string[], options?: CommandOptions): Promise<string> =>
  run('chroot', [labRoot(), program, ...args], { environment: { LC_ALL: 'C.UTF-8' }, ...options })
