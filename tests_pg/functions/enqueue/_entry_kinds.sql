-- The kinds of entries.
begin;
select plan(4);
create function pg_temp.kinds(entries jsonb, versions jsonb default '{}') returns text language plpgsql as $$
declare
    v_kinds int[] := gendurable._entry_kinds(gendurable._parse_entries(entries), versions);
begin
    return (select string_agg(concat_ws(' ', k.queue, k.fsm, k.fsm_version, k.step), ', ' order by x.nth)
            from unnest(v_kinds) with ordinality as x (id, nth) join gendurable.kinds as k on k.id = x.id);
end
$$;
select is(gendurable._entry_kinds('{}', null), '{}'::int[], 'no entries');
select is(pg_temp.kinds('[{"fsm": "b", "step": "t"}, {"fsm": "a"}, {"fsm": "b", "queue": "q", "fsm_version": 7}, '
    '{"fsm": "a"}]'), 'default b 1 t, default a 1 start, q b 7 start, default a 1 start', 'in their order');
select is(pg_temp.kinds('[{"fsm": "b"}, {"fsm": "a"}, {"fsm": "b", "fsm_version": 7}]', '{"b": 3}'),
    'default b 3 start, default a 1 start, default b 7 start', 'of the newest version where they leave it out');
select is((select count(*) from gendurable.kinds as k where k.fsm = 'a'), 1::bigint, 'each is added once');
select * from finish();
rollback;
