import { expect, it } from 'vitest'
import { createGenerate, generatedLength, generatePassword } from './generate.ts'

it('a generated password has four kinds, nothing that looks like another character, and no favourites', () => {
  const counts = new Map<string, number>()
  for (let n = 0; n < 5_000; n += 1) {
    const password = generatePassword()
    expect(password).toMatch(/^(?=.*[A-Z])(?=.*[a-z])(?=.*[0-9])(?=.*[^A-Za-z0-9])[^0O1Il|\s'"`<>&]{16}$/)
    for (const each of password) counts.set(each, (counts.get(each) ?? 0) + 1)
  }
  // 80,000 characters of 65: 1,231 each, and drawing anew favours the rarer kinds a little.
  expect([...counts.values()].filter((count) => count < 1_000 || count > 1_600)).toEqual([])
  expect(generatePassword(20)).toHaveLength(20)
})

it('is as long as the domain wants it, and drawn again where a person could not have chosen it', async () => {
  const facts = { minLength: 24, historyLength: 0, complexity: true, minAgeMinutes: 0, lockoutThreshold: 0, lockoutMinutes: 0 }
  let refusals = 2
  const generate = createGenerate({
    policyOf: async (domainName) => (domainName === 'corp.example.test' ? facts : undefined),
    checkPassword: async () => (refusals-- > 0 ? { kind: 'policy.banned' } : undefined),
  })
  expect(await generate({ id: 'a', domainName: 'corp.example.test' })).toHaveLength(24)
  expect(refusals).toBe(-1)
  expect(await generate({ id: 'b' })).toHaveLength(generatedLength)
})
