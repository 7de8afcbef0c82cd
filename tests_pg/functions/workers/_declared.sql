-- Which kinds a live worker of their queue can run.
begin;
select plan(6);

select gendurable._kind('q', 'a', 1, 's'), gendurable._kind('q', 'a', 1, 't'), gendurable._kind('q', 'a', 2, 's'),
    gendurable._kind('q', 'b', 1, 's'), gendurable._kind('p', 'a', 1, 's') \g /dev/null
create function pg_temp.declared(p_now timestamptz default clock_timestamp()) returns text language sql as $$
    select string_agg(k.queue || k.fsm || k.fsm_version || k.step, ' ' order by k.id)
    from gendurable.kinds as k
    where k.id = any (gendurable._declared(array(select x.id from gendurable.kinds as x), p_now))
$$;
select is(pg_temp.declared(), null, 'none without a worker');
select gd_register('w', '{q}', '1 hour', '{"machines": [{"fsm": "a", "version": 1, "steps": ["s"]}]}') as w \gset
select is(pg_temp.declared(), 'qa1s', 'what it declares, in its queue');
select gd_register('v', '{q}', '1 hour', '{"machines": [{"fsm": "a", "version": 2}]}') \g /dev/null
select is(pg_temp.declared(), 'qa1s qa2s', 'all steps where it names none');
select gd_register('all', '{q}', '1 hour') as all \gset
select is(pg_temp.declared(), 'qa1s qa1t qa2s qb1s', 'everything of its queue where it declares nothing');
select gd_unregister(:all) \g /dev/null
select is(pg_temp.declared(now() + interval '2 hours'), null, 'none when their leases are over');
select is(gendurable._declared('{}', now()), '{}', 'nothing of nothing');

select * from finish();
rollback;
