/**
 * Whether a crash of this process would write its memory, with the passwords in it, to a disk: the soft limit of core files
 * (RLIMIT_CORE), as Linux shows it. Node cannot set it; the service's definition does (docs/operating.md), and the agent says so
 * at its start where nobody did. Source: proc_pid_limits(5), core(5).
 */
import { readFileSync } from 'node:fs'

/** False where there is no such file: Windows writes no dumps unless it is told to (Windows Error Reporting, LocalDumps). */
export function coreDumpsOn(file = '/proc/self/limits'): boolean {
  try {
    const [, soft = '0'] = /^Max core file size\s+(\S+)/m.exec(readFileSync(file, 'utf8')) ?? []
    return soft !== '0'
  } catch {
    return false
  }
}
