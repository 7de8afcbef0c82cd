-- GD errors.
begin;
select plan(5);

-- Every part of the error that _refuse raises.
create function pg_temp.parts(p_code text) returns text[] language plpgsql as $$
declare
    v_state text; v_message text; v_detail text; v_hint text;
begin
    perform gendurable._refuse(p_code, 'values', 'remedy');
    return null;
exception when others then
    get stacked diagnostics v_state = returned_sqlstate, v_message = message_text, v_detail = pg_exception_detail,
        v_hint = pg_exception_hint;
    return array[v_state, v_message, v_detail, v_hint];
end
$$;
select is(pg_temp.parts(c.code), array[c.code, c.message, 'values', 'remedy'],
    c.code || ' has its SQLSTATE, a constant message, the values in DETAIL, the remedy in HINT')
from (values ('GD001', 'gendurable: a required argument is missing'), ('GD002', 'gendurable: invalid argument'),
    ('GD003', 'gendurable: a bad entry in the batch'),
             ('GD004', 'gendurable: wrong transaction isolation'), ('GD010', 'gendurable: unknown worker')) as c (code,
             message);

select * from finish();
rollback;
