/** What the commands hand to the templates, and take from them, by its name there. */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it, test } from 'vitest'
import { template } from '../../infra/tenant/deploy.ts'
import { module } from '../../infra/tenant/enrol-agent.ts'
import { agentParameters, outputs, parameters, ruleName } from '../../infra/tenant/names.ts'
import { providers } from '../../infra/tenant/preflight.ts'

const root = new URL('../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')
const declared = (path: string, kind: 'param' | 'output') =>
  [...read(path).matchAll(new RegExp(`^${kind} (\\w+) `, 'gm'))].map(([, name]) => name)
const notIn = (names: readonly (string | undefined)[], wanted: object) => Object.values(wanted).filter((name) => !names.includes(name))

describe('main.bicep', () => {
  it('goes to a resource group', () => expect(read(template)).toContain("targetScope = 'resourceGroup'"))
  it('has every parameter that deploy gives', () => expect(notIn(declared(template, 'param'), parameters)).toEqual([]))
  it('has every output that the commands use', () => expect(notIn(declared(template, 'output'), outputs)).toEqual([]))
  it.each(['dev', 'prod'])('takes its secrets from the environment alone (%s)', (environment) => {
    expect(read(`infra/params/${environment}.bicepparam`)).toMatch(/param mailUrl = readEnvironmentVariable\('MAIL_URL'/)
  })
})

test('agent.bicep has exactly the parameters that enrol-agent gives', () => {
  expect(declared(module, 'param').sort()).toEqual(Object.values(agentParameters).sort())
})

test('the rule of an agent by SAS is called the same on both sides', () => {
  const rules = [...read(module).matchAll(/authorizationRules@[\s\S]*?name: '(.*?)'/g)].map(([, name]) => name)
  expect(rules).toEqual(Array(3).fill(ruleName('$' + '{agentName}')))
})

test('deploy asks for every resource provider that the templates need, and for no other', () => {
  const files = readdirSync(new URL('infra/modules', root)).map((name) => `infra/modules/${name}`)
  const used = [template, ...files].flatMap((path) => [...read(path).matchAll(/'(Microsoft\.\w+)\/[\w/]+@/g)].map(([, name]) => name))
  // Flex Consumption runs on it, though no template names it.
  expect([...providers].sort()).toEqual([...new Set([...used, 'Microsoft.App'])].sort())
})
