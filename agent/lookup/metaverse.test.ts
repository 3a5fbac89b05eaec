import { expect, test } from 'vitest'
import { ruleFor } from '../directory/one-domain.fixture.ts'
import type { ConnectorSpaceObject } from './connector-space.ts'
import { join } from './metaverse.ts'

const object = (guid: number, precedence: number, domain = 'corp.example.test') =>
  ({ rule: ruleFor('DC=corp,DC=example,DC=test', { precedence }), user: { domain, guid: Buffer.alloc(16, guid) } }) as ConnectorSpaceObject

test.each<[string, ConnectorSpaceObject[], number | 'none' | 'ambiguous']>([
  ['nobody', [], 'none'],
  ['one', [object(1, 100)], 1],
  ['one under two rules', [object(1, 100), object(1, 100)], 1],
  ['two: the better rule decides', [object(1, 200), object(2, 100)], 2],
  ['two, one of them under both rules', [object(1, 100), object(1, 200), object(2, 200)], 1],
  ['two under equal rules', [object(1, 100), object(2, 100)], 'ambiguous'],
  ['two under equal rules, and a third that is outdone', [object(3, 300), object(1, 100), object(2, 100)], 'ambiguous'],
  ['two that outdo nobody do not matter', [object(3, 100), object(1, 200), object(2, 200)], 3],
  ['the same number in two forests is two accounts', [object(1, 100), object(1, 100, 'north.example.test')], 'ambiguous'],
])('%s', (_, objects, expected) => {
  const joined = join(objects)
  expect(joined.kind === 'one' ? joined.object.user.guid[0] : joined.kind).toBe(expected)
})
