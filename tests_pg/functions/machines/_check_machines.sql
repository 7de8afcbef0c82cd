-- What a worker declares has to be a list of machines.
begin;
select plan(9);

create function pg_temp.refusal(p_machines jsonb) returns text language plpgsql as $$
declare
    v_detail text;
begin
    perform gendurable._check_machines(p_machines);
    return 'fine';
exception when others then
    get stacked diagnostics v_detail = pg_exception_detail;
    return sqlstate || ' ' || v_detail;
end
$$;
select is(pg_temp.refusal(null), 'fine', 'nothing is declared');
select is(pg_temp.refusal('[]'), 'fine', 'that it can run nothing');
select is(pg_temp.refusal(
    '[{"fsm": "m", "version": 1}, {"fsm": "m", "version": 2}, {"fsm": "n", "version": 1, "steps": ["a"]}]'), 'fine',
    'several machines, and versions of one');
select is(pg_temp.refusal('{"fsm": "m", "version": 1}'), 'GD002 info.machines, expected an array, got object',
    'one machine is no list');
select is(pg_temp.refusal('"all"'), 'GD002 info.machines, expected an array, got string', 'a text is none');
select is(pg_temp.refusal('[{"fsm": "m", "version": 1}, 7, {}]'),
    'GD002 info.machines, ord 2: expected an object, got number', 'the first one that is wrong is named by its place');
select is(pg_temp.refusal(
    '[{"fsm": "m", "version": 1}, {"fsm": "n", "version": 1}, {"fsm": "m", "version": 1, "steps": ["a"]}]'),
    'GD002 info.machines, ord 3: m version 1 is listed a second time', 'one that is listed twice is refused');
select is(pg_temp.refusal('[{"fsm": "m", "version": "1"}, {"fsm": "m", "version": "1"}]'),
    'GD002 info.machines, ord 1: version: expected an integer of 32 bits, got "1"',
    'what is wrong comes before what is double');
select ok(pg_temp.refusal((select jsonb_agg(jsonb_build_object('fsm', 'm', 'version', n % 4999))
    from generate_series(1, 5000) as n)) like '%ord 5000: m version 1 is listed%', 'in a long list too');

select * from finish();
rollback;
