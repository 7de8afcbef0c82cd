-- What a pick needs to know of an instance.
begin;
\ir ../prelude.psql
select plan(6);
create function pg_temp.candidate(fsm text) returns gendurable.candidate language sql as $$
    select gendurable._candidate(i, i.ctid) from gendurable.instances as i where i.fsm = candidate.fsm
$$;
select pg_temp.put('a', '{"priority": 3}'),
    pg_temp.put('b', '{"concurrency_key": "k", "rate_limit": "r", "correlation_key": "c", "correlation_scope": '
        '["done"]}') \g /dev/null
select is((pg_temp.candidate('a')).id, pg_temp.id('a'), 'which it is');
select is((pg_temp.candidate('a')).place, (select i.ctid from gendurable.instances as i where i.fsm = 'a'),
    'where it is');
select is((select (c.priority, c.concurrency_key, c.rate_limit, c.scoped, c.awaited, c.listed)::text
    from pg_temp.candidate('a') as c), '(3,,,f,f,f)', 'nothing about it is special');
select is((select (c.priority, c.concurrency_key, c.rate_limit, c.scoped, c.awaited, c.listed)::text
    from pg_temp.candidate('b') as c), '(0,k,r,t,f,f)', 'its keys and scope');
update gendurable.instances set signalled = true, awaits = '{n}', state = to_jsonb(repeat('x', 1000)),
    last_error = to_jsonb(repeat('y', 500)) where fsm = 'a';
select is((select (c.awaited, c.listed)::text from pg_temp.candidate('a') as c), '(t,t)',
    'signals may have to be handed out with it');
select is((pg_temp.candidate('a')).bytes,
    (select gendurable._size_bound(i.state) + gendurable._size_bound(i.last_error) from gendurable.instances as i
        where i.fsm = 'a'), 'and no less than its size');
select * from finish();
rollback;
