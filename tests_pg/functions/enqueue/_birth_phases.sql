-- In which phases entries are born; how many slots seem to be free is tested with _estimate_free_slots.
begin;
set local client_min_messages = error;
select plan(7);

create function pg_temp.phases(p_entries jsonb) returns text language sql as $$
    select array_to_string(gendurable._birth_phases(gendurable._parse_entries((select jsonb_agg('{"fsm": "m"}' || e)
        from jsonb_array_elements(p_entries) as e)), now()), ' ')
$$;
select gd_set_concurrency_limit('two', 2) \g /dev/null
select is(pg_temp.phases('[{}, {"delay": "1 h"}, {"rate_limit": "r"}, {"delay": "-1 h"}]'),
    'ready scheduled throttled ready', 'without a concurrency key');
select is(pg_temp.phases('[{"concurrency_key": "k"}, {"concurrency_key": "k"}, {"concurrency_key": "l"}]'),
    'ready held ready', 'of each key as many are ready as slots seem to be free');
select is(pg_temp.phases(
    '[{"concurrency_key": "two:1"}, {"concurrency_key": "two:1", "priority": -1}, {"concurrency_key": "two:1", '
    '"priority": -1}]'), 'held ready ready', 'the most urgent');
select is(pg_temp.phases('[{"concurrency_key": "k", "rate_limit": "r"}, {"concurrency_key": "k", "delay": "1 h"}]'),
    'held scheduled', 'but none that needs tokens as well, or rests');
select id from gd_enqueue('m', correlation_key => 'taken') \g /dev/null
select is((select string_agg(p::text, ' ')
    from unnest(gendurable._birth_phases(
        gendurable._take_entry_keys(
            gendurable._parse_entries(
                '[{"fsm": "m", "concurrency_key": "k", "correlation_key": "taken"}, {"fsm": "m", "concurrency_key": '
                '"l", "correlation_key": "free"}]')), now())) as p),
    'held ready', 'a duplicate is not born');
select gd_enqueue('m', concurrency_key => 'k') \g /dev/null
select is(pg_temp.phases('[{"concurrency_key": "k"}]'), 'held', 'where no slot is free it waits');
select is(gendurable._birth_phases('{}', now()), '{}'::gendurable.phase[], 'no entries');

select * from finish();
rollback;
