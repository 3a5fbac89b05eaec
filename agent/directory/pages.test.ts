import { PresenceFilter } from 'ldapts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startDirectory } from '../../local/directory/directory.ts'
import { systemClock } from '../../shared/clock.ts'
import { Secret } from '../../shared/secret.ts'
import { endpointOf, openConnection } from './connection.ts'
import { authority, clockByHand, faultOf, host, placeOf } from './directory.fixture.ts'
import { readPages } from './pages.ts'
import { textOf } from './rows.ts'

const crowd = 1203
let server: Awaited<ReturnType<typeof startDirectory>>
beforeAll(async () => {
  const tls = await authority.issue({ commonName: host, dnsNames: [host], ipAddresses: [] })
  server = await startDirectory({ tls, crowd })
})
afterAll(() => server.close())

const staff = () => server.forest.serviceAccount.scope
const people = new PresenceFilter({ attribute: 'sAMAccountName' })

function open(clock = systemClock) {
  const { dn, password } = server.forest.serviceAccount
  const endpoint = endpointOf(`ldaps://${host}`, { [host]: placeOf(server.addresses.ldaps) })
  const options = { clock, ca: authority.ca, openMs: 8000, ldapMs: 8000 }
  return openConnection(endpoint, { dn, password: Secret.fromText(password) }, options)
}

test('everybody once, in pages of 500', async () => {
  const connection = await open()
  const names: (string | undefined)[] = []
  const sizes: number[] = []
  for await (const page of readPages(connection, staff(), people, ['sAMAccountName'])) {
    sizes.push(page.length)
    names.push(...page.map((row) => textOf(row, 'sAMAccountName')))
  }
  connection.reset()
  const sample = server.forest.users.filter(({ dn }) => dn.endsWith(staff())).length
  expect(sizes).toEqual([500, 500, crowd + sample - 1000])
  expect(new Set(names).size).toBe(crowd + sample)
})

describe('page by page', () => {
  test('the next is asked for when it is wanted, and a lost connection shows then', async () => {
    const connection = await open()
    const pages = readPages(connection, staff(), people, ['cn'])
    expect((await pages.next()).value).toHaveLength(500)
    connection.reset()
    await expect(pages.next()).rejects.toEqual(faultOf('DIRECTORY_UNAVAILABLE'))
  })

  test('each page has a limit of its own', async () => {
    const hand = clockByHand()
    const connection = await open(hand.clock)
    const pages = readPages(connection, staff(), people, ['cn'])
    expect((await pages.next()).value).toHaveLength(500)
    hand.expire() // no page is under way: nothing to end
    expect((await pages.next()).value).toHaveLength(500)
    server.control.fault({ kind: 'hang', operation: 'search' })
    const third = pages.next()
    third.catch(() => undefined)
    await server.control.whenHeld()
    hand.expire()
    await expect(third).rejects.toEqual(faultOf('DIRECTORY_UNAVAILABLE'))
    server.control.clearFaults()
  })

  test('a base that is not there is refused', async () => {
    const connection = await open()
    const pages = readPages(connection, `OU=Nowhere,${server.forest.baseDn}`, people, ['cn'])
    await expect(pages.next()).rejects.toEqual(faultOf('DIRECTORY_REFUSED'))
    connection.reset()
  })
})
