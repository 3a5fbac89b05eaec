/** Loaded into a process that is measured: says last, into a file, how much memory it had at most. */
import { writeFileSync } from 'node:fs'

const file = process.env['BENCH_PEAK_FILE']
if (file !== undefined) process.on('exit', () => writeFileSync(file, String(process.resourceUsage().maxRSS)))
