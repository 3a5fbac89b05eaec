/** The page as it lies beside this file; a bundle has its text inside (local/bundle.ts). */
import { readFileSync } from 'node:fs'

export const resetHtml = readFileSync(new URL('./reset.html', import.meta.url), 'utf8')
