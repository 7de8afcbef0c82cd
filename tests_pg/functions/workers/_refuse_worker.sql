-- What a worker that is gone is told.
begin;
select plan(3);

create function pg_temp.parts(p_worker bigint) returns text[] language plpgsql as $$
declare
    v_state text; v_detail text; v_hint text;
begin
    perform gendurable._refuse_worker(p_worker);
    return null;
exception when others then
    get stacked diagnostics v_state = returned_sqlstate, v_detail = pg_exception_detail, v_hint = pg_exception_hint;
    return array[v_state, v_detail, v_hint];
end
$$;
select is((pg_temp.parts(42))[1:2], '{GD010,worker 42}', 'the error names the worker');
select is((pg_temp.parts(null))[1:2], '{GD010,worker null}', 'the error names no worker');
select matches((pg_temp.parts(42))[3], 'gd_register', 'the hint is to register anew');

select * from finish();
rollback;
