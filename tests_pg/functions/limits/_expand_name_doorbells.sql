-- Every key of a name that was rung for, and for which an instance waits, is looked at.
begin;
select plan(17);

insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version, fsm,
    queue, concurrency_key)
select now(), now(), now(), v.phase::gendurable.phase, 's', '{}', 0, 1, 'm', 'q', v.key
from (values ('held', 'k'), ('held', 'k:1'), ('held', 'k:1'), ('held', 'k:2'), ('executing', 'k:3'), ('held', 'kk'),
    ('held', 'k-1'), ('held', 'l:k'), ('scheduled', 'k:4'), ('held', 'K'), ('held', 'k:z:z')) as v (phase, key);
select gendurable._expand_name_doorbells('concurrency_limit') \g /dev/null
select is_empty('select * from gendurable.doorbells', 'no name, no keys');
select gendurable._ring_name('concurrency_limit', 'k'), gendurable._ring_name('concurrency_limit', 'k') \g /dev/null
select gendurable._expand_name_doorbells('concurrency_limit') \g /dev/null
select is((select string_agg(key, ' ' order by key collate "C") from gendurable.doorbells where kind = 'slot'),
    'k k:1 k:2 k:z:z', 'the keys of the name for which one waits, and no other''s');
select is_empty($$ select * from gendurable.doorbells where kind = 'concurrency_limit' $$,
    'the name is answered, however often it was rung for');
delete from gendurable.doorbells where kind <> 'tokens';
select gendurable._ring_name('concurrency_limit', 'nobody') \g /dev/null
select gendurable._expand_name_doorbells('concurrency_limit') \g /dev/null
select is_empty('select * from gendurable.doorbells', 'a name without keys');

select test.connect('other'), test.exec('other', 'begin') \g /dev/null
select (select n from generate_series(1, 1000) as n
    where hashtext('busy' || n) & 63 not in (select hashtext(x) & 63 from unnest('{k,nobody}'::text[]) as x) limit 1)
    as n \gset
select test.query('other', format('select gendurable._lock_name(''slot'', %L)', 'busy' || :n)) \g /dev/null
select gendurable._ring_name('concurrency_limit', 'busy' || :n),
    gendurable._ring_name('concurrency_limit', 'k') \g /dev/null
select gendurable._expand_name_doorbells('concurrency_limit') \g /dev/null
select is((select array_agg(h.key) from gendurable.doorbells as h where h.kind = 'concurrency_limit'),
    array['busy' || :n], 'a name about which another session decides is left for the next one');
select is((select count(*)::int from gendurable.doorbells as h where h.kind = 'slot'), 4, 'and holds up no other');
select test.exec('other', 'rollback') \g /dev/null
select gendurable._expand_name_doorbells('concurrency_limit') \g /dev/null
select is_empty($$ select * from gendurable.doorbells where kind = 'concurrency_limit' $$, 'which answers it');

-- Rate limits
delete from gendurable.doorbells;
insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version, fsm,
    queue, rate_limit)
select now(), now(), now(), v.phase::gendurable.phase, 's', '{}', 0, 1, 'm', 'q', v.key
from (values ('throttled', 'k'), ('throttled', 'k:1'), ('throttled', 'k:1'), ('throttled', 'k:2'), ('executing', 'k:3'),
    ('throttled', 'kk'), ('throttled', 'k-1'), ('throttled', 'l:k'), ('scheduled', 'k:4'), ('throttled', 'k:z:z'))
    as v (phase, key);
select gendurable._ring_name('rate_limit', 'k'), gendurable._ring_name('concurrency_limit', 'l') \g /dev/null
select gendurable._expand_name_doorbells('rate_limit') \g /dev/null
select is((select string_agg(key, ' ' order by key collate "C") from gendurable.doorbells where kind = 'tokens'),
    'k k:1 k:2 k:z:z', 'of rate keys those for which one waits, and no other''s');
select is((select string_agg(d.kind || ' ' || d.key, ', ') from gendurable.doorbells as d where d.kind <> 'tokens'),
    'concurrency_limit l', 'names of the other kind are left alone');
delete from gendurable.doorbells;
select gendurable._ring_name('rate_limit', 'nobody') \g /dev/null
select gendurable._expand_name_doorbells('rate_limit') \g /dev/null
select is_empty('select * from gendurable.doorbells', 'a name without keys');

-- Many keys, some a call.
delete from gendurable.doorbells;
delete from gendurable.instances;
insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version, fsm,
    queue, concurrency_key)
select now(), now(), now(), 'held', 's', '{}', 0, 1, 'm', 'q', 'many:' || n from generate_series(1, 1200) as n;
create function pg_temp.rung() returns text language sql as $$
    select format('%s keys, %s names, to come again: %s', count(*) filter (where d.kind = 'slot'),
        count(*) filter (where d.kind = 'concurrency_limit'), current_setting('gendurable.look_again', true))
    from gendurable.doorbells as d
$$;
create function pg_temp.expand() returns text language plpgsql as $$
begin
    perform set_config('gendurable.look_again', 'off', true);
    perform gendurable._expand_name_doorbells('concurrency_limit');
    return pg_temp.rung();
end
$$;
select gendurable._ring_name('concurrency_limit', 'many') \g /dev/null
select is(pg_temp.expand(), '500 keys, 1 names, to come again: on',
    'a call looks at some keys, and leaves the name for the next one');
select gendurable._ring_name('concurrency_limit', 'many') \g /dev/null
select is(pg_temp.expand(), '1000 keys, 2 names, to come again: on',
    'the next one goes on where it has stopped; what was rung meanwhile waits');
select is(pg_temp.expand(), '1200 keys, 1 names, to come again: off', 'until it has come to the end');
delete from gendurable.doorbells where kind = 'slot';
select is(pg_temp.expand(), '500 keys, 1 names, to come again: on', 'then it is looked at from the beginning');
select is(pg_temp.expand(), '1000 keys, 1 names, to come again: on', 'as before');
select is(pg_temp.expand(), '1200 keys, 0 names, to come again: off', 'up to the last');
select is((select count(distinct d.key)::int from gendurable.doorbells as d), 1200, 'each key is rung for');

select * from finish();
rollback;
