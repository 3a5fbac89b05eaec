import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

/** The second fenced block: `folder/` at the margin, its entries indented by two. */
function documented(): string[] {
  const text = readFileSync(new URL('../docs/architecture.md', import.meta.url), 'utf8')
  const block = text.split('```')[3] ?? ''
  const names: string[] = []
  let folder = ''
  for (const line of block.split('\n').filter((each) => each.trim() !== '')) {
    const name = line.trim().split(/\s{2,}/)[0] ?? ''
    if (!line.startsWith(' ')) folder = name
    else names.push(folder + name)
  }
  return names.sort()
}

/** Two levels of the tree, as git knows it; tests and fixtures lie beside what they test and are left out. */
function present(): string[] {
  const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { encoding: 'utf8', cwd: new URL('..', import.meta.url) })
  const files = listed
    .split('\n')
    .filter((path) => path.includes('/') && !path.startsWith('.') && !/\.test\.ts$|\.fixture\.ts$|\/test-[^/]+\.ts$/.test(path))
  const names = files.map((path) => path.split('/')).map(([top, second, ...rest]) => `${top}/${second}${rest.length > 0 ? '/' : ''}`)
  return [...new Set(names)].sort()
}

test('docs/architecture.md shows the tree as it is', () => {
  expect(documented()).toEqual(present())
})
