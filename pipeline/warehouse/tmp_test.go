package warehouse_test
import ("testing";"time";"context";"pgregory.net/rapid")
func TestTmp(t *testing.T){
 store,conn:=newWarehouse(t,"tmp")
 i:=0
 tt:=map[string]time.Duration{}
 rapid.Check(t, func(rt *rapid.T){
  i++
  if i>20 {return}
  w:=drawWorld(rt,"x"+string(rune('a'+i%26))+string(rune('a'+i/26)))
  for _,s:=range w.sent{load(rt,store,w,s)}
  sc:=w.scope(w.ledger(rt),len(w.sent))
  for _,pre:=range []string{"EXPLAIN AST ","EXPLAIN QUERY TREE ","EXPLAIN PLAN ","EXPLAIN PIPELINE ","",}{
  for k,q:=range map[string]string{"c":sc.SQLs(),"r":sc.RSQL()}{
  t0:=time.Now()
  r,err:=conn.Query(context.Background(),pre+q)
  if err!=nil{rt.Fatal(err)}
  for r.Next(){}
  r.Close()
  tt[k+pre]+=time.Since(t0)/20
  }}
  t0:=time.Now()
  conn.Exec(context.Background(),"SELECT 1")
  tt["one"]+=time.Since(t0)/20
 })
 t.Log(tt)
}
