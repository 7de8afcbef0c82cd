-- The kind of a step: found, or added.
begin;
select plan(5);
select gendurable._kind('q', 'f', 1, 's') as k \gset
select is(gendurable._kind('q', 'f', 1, 's'), :k, 'it stays');
select is((select (k.queue, k.fsm, k.fsm_version, k.step)::text from gendurable.kinds as k where k.id = :k),
    '(q,f,1,s)', 'it is what a worker needs to have');
select is((select count(distinct gendurable._kind(v.q, v.f, v.n, v.s))
    from (values ('q', 'f', 1, 's'), ('r', 'f', 1, 's'), ('q', 'g', 1, 's'), ('q', 'f', 2, 's'), ('q', 'f', 1, 't'))
    as v (q, f, n, s)),
    5::bigint, 'each part of it counts');
-- Two transactions that meet a step for the first time.
select test.connect('other'), test.exec('other', 'begin') \g /dev/null
select test.query('other', $$ select gendurable._kind('q', 'twin', 1, 's') as k $$) -> 0 ->> 'k' as twin \gset
select isnt(gendurable._kind('q', 'twin', 1, 's'), :twin, 'two that are added at once are two, and neither waits');
select test.exec('other', 'commit') \g /dev/null
select is((select count(*) from gendurable.kinds as k where k.fsm = 'twin'), 2::bigint, 'both serve');
select test.exec('other', 'delete from gendurable.kinds where fsm = ''twin''') \g /dev/null
select * from finish();
rollback;
