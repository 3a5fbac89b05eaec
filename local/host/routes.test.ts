import { describe, expect, test } from 'vitest'
import { byPrecedence, compileRoute, findRoute } from './routes.ts'

const table = (...templates: string[]) => templates.map((template) => compileRoute(template, ['get'], template)).sort(byPrecedence)
const find = (templates: string[], path: string) => findRoute(table(...templates), 'GET', path)

describe('matching', () => {
  const cases: [why: string, template: string, path: string, params: Record<string, string> | undefined][] = [
    ['a literal', 'api/start', '/api/start', {}],
    ['case does not matter', 'api/Start', '/API/sTART', {}],
    ['a trailing slash is ignored', 'api/start', '/api/start/', {}],
    ['an empty segment is not', 'api/start', '/api//start', undefined],
    ['a parameter keeps its case and is decoded', 'flows/{id}', '/flows/A%20b', { id: 'A b' }],
    ['an encoded slash stays encoded', 'flows/{id}', '/flows/a%2Fb', { id: 'a%2Fb' }],
    ['broken percent-encoding stays as it came', 'flows/{id}', '/flows/a%zz', { id: 'a%zz' }],
    ['a parameter must be there', 'flows/{id}', '/flows', undefined],
    ['unless it is optional', 'flows/{id?}', '/flows', {}],
    ['or has a default', 'flows/{id=new}', '/flows', { id: 'new' }],
    ['a catch-all takes slashes', 'pages/{*path}', '/pages/a/b/c', { path: 'a/b/c' }],
    ['a catch-all takes nothing', 'pages/{*path}', '/pages', {}],
    ['too many segments', 'flows/{id}', '/flows/1/2', undefined],
    ['the root', '', '/', {}],
    ['int', 'n/{n:int}', '/n/12', { n: '12' }],
    ['int refuses', 'n/{n:int}', '/n/x', undefined],
    ['guid', 'g/{g:guid}', '/g/0f8fad5b-d9cb-469f-a165-70867728950e', { g: '0f8fad5b-d9cb-469f-a165-70867728950e' }],
    ['guid refuses', 'g/{g:guid}', '/g/nope', undefined],
    ['two constraints', 'n/{n:int:min(5)}', '/n/4', undefined],
    ['a range', 'n/{n:range(1,5)}', '/n/5', { n: '5' }],
    ['a length', 'c/{code:length(6)}', '/c/123456', { code: '123456' }],
    ['a constrained optional', 'c/{code:alpha?}', '/c', {}],
    ['a regular expression with a slash and braces', 'c/{code:regex(^[a-f]{{2}}$)}', '/c/af', { code: 'af' }],
  ]
  test.each(cases)('%s', (_why, template, path, params) => {
    expect(find([template], path)?.params).toEqual(params)
  })
})

describe('precedence', () => {
  const all = ['f/{*rest}', 'f/{id}', 'f/{id:int}', 'f/new', 'f/{id}/edit']
  test.each([
    ['/f/new', 'f/new'],
    ['/f/12', 'f/{id:int}'],
    ['/f/x', 'f/{id}'],
    ['/f/x/edit', 'f/{id}/edit'],
    ['/f/x/y/z', 'f/{*rest}'],
  ])('%s goes to %s', (path, template) => {
    expect(find(all, path)?.target).toBe(template)
  })

  test('a route of another method does not hide one that takes this method', () => {
    const routes = [compileRoute('f/new', ['POST'], 'literal'), compileRoute('f/{id}', ['GET'], 'parameter')].sort(byPrecedence)
    expect(findRoute(routes, 'GET', '/f/new')?.target).toBe('parameter')
    expect(findRoute(routes, 'DELETE', '/f/new')).toBeUndefined()
  })
})

test.each([['a/{b:odd}'], ['a/{}'], ['a/{*b}/c'], ['a/x{b}']])('%s is refused', (template) => {
  expect(() => compileRoute(template, ['GET'], 0)).toThrow()
})
