import { expect, test } from 'vitest'
import { isFault } from '../../shared/fault.ts'
import { endpointOf } from './connection.ts'

const addresses = { 'DC1.corp.example.test': '127.0.0.1:3636', 'dc2.corp.example.test': '127.0.0.2', 'dc3.corp.example.test': '[::1]:99' }

test.each([
  ['ldaps://dc9.corp.example.test', { host: 'dc9.corp.example.test', address: 'dc9.corp.example.test', port: 636 }],
  ['ldaps://dc9.corp.example.test:700', { host: 'dc9.corp.example.test', address: 'dc9.corp.example.test', port: 700 }],
  ['ldaps://dc1.CORP.example.test', { host: 'dc1.corp.example.test', address: '127.0.0.1', port: 3636 }],
  ['ldaps://dc2.corp.example.test', { host: 'dc2.corp.example.test', address: '127.0.0.2', port: 636 }],
  ['ldaps://dc2.corp.example.test:700', { host: 'dc2.corp.example.test', address: '127.0.0.2', port: 700 }],
  ['ldaps://dc3.corp.example.test', { host: 'dc3.corp.example.test', address: '::1', port: 99 }],
  ['ldaps://127.0.0.1:4000', { host: '127.0.0.1', address: '127.0.0.1', port: 4000 }],
  ['ldaps://[::1]', { host: '::1', address: '::1', port: 636 }],
])('%s', (server, endpoint) => {
  expect(endpointOf(server, addresses)).toEqual(endpoint)
})

test('an address that is none is refused, not looked up elsewhere', () => {
  expect(() => endpointOf('ldaps://dc1', { dc1: '127.0.0.1:port' })).toThrow(expect.toSatisfy((error) => isFault(error)))
})

test.each(['ldap://dc1.corp.example.test', 'ldap://dc1.corp.example.test:636', 'dc1.corp.example.test', 'https://dc1', 'ldaps://', ''])(
  'refused: %j',
  (server) => {
    expect(() => endpointOf(server, addresses)).toThrow(expect.toSatisfy((error) => isFault(error, 'DIRECTORY_CONFIGURATION')))
  },
)
